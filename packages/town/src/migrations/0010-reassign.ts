/** Schema version 10: which agent a person wants for a bead, or does not. */
export const reassign = `
alter table beads add column prefer_agent text;
alter table beads add column avoid_agent text;
`;
