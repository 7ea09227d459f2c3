/** Schema version 18: what grows with a town's history is answered by an index. */
export const scale = `
-- How the members of a convoy stand, without their rows.
create index beads_tally on beads (convoy_id, type, status, reason, waived) where convoy_id is not null;
drop index beads_convoy;
-- What the last sessions of a role have cost; those of which no cost is known are not passed over one by one.
create index sessions_cost on sessions (role, ended_at) where state = 'ended' and tokens_in + tokens_out > 0;
drop index sessions_role;
create index escalations_subject on escalations (subject);
drop index triage_open;
create index triage_open on triage_requests (state, seq);
create index sessions_live on sessions (started_at) where state <> 'ended';
`;
