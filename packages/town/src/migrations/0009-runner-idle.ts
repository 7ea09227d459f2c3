/** Schema version 9: when the runner was last wanted, by whatever. */
export const runnerIdle = `
alter table town add column runner_wanted_at integer;
`;
