/** Schema version 16: how often a target was red at one head, and lanes that a person paused. */
export const lanes = `
alter table lanes add column red_head text;
alter table lanes add column red_times integer not null default 0;
alter table lanes add column paused_by text;
`;
