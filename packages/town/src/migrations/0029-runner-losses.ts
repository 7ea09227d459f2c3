/** Schema version 29: how often the runner was lost lately, and how long none is asked for. */
export const runnerLosses = `
alter table town add column runner_losses text not null default '[]';
alter table town add column runner_rest_until integer;
`;
