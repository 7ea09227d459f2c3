/** Schema version 26: which threads of bots and strangers a small model lets pass. */
export const threadVerdicts = `
alter table merge_requests add column thread_verdicts text;
`;
