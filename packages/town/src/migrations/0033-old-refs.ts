/** Schema version 33: up to which closed bead its saved work and its attempts' branches were forgotten. */
export const oldRefs = `
alter table town add column refs_forgotten_at integer not null default 0;
alter table town add column refs_forgotten_bead text not null default '';
create index beads_closed on beads (closed_at, id) where status = 'closed';
`;
