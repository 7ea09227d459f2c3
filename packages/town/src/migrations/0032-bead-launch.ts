/** Schema version 32: with which runtime and model a bead is worked on, where a person or the mayor said so. */
export const beadLaunch = `
alter table beads add column model text;
alter table beads add column runtime text;
`;
