/** Schema version 27: questions of agents that triage looks at before people do. */
export const routedQuestions = `
alter table escalations add column routed_to text;
alter table triage_requests add column escalation_id text;
`;
