/**
 * Conflict beads in a row that did not free a branch of its conflicts are bounded too, and of the branches
 * that the town brings up to date one at a time is on its way (spec/review.md §4.3, §4.4).
 */
export const updateRounds = `
alter table merge_requests add column conflict_rounds integer not null default 0;
alter table merge_requests add column updated_head text;
`;
