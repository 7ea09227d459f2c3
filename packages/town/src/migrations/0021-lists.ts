/** Schema version 21: lists and counts of what is not over pass over what is. */
export const lists = `
create index beads_not_closed on beads (created_at, id) where status <> 'closed';
create index beads_held on beads (status) where type = 'issue' and held is not null;
create index beads_waiting on beads (json_extract(waiting, '$.code'))
  where type = 'issue' and status = 'open' and waiting is not null;
`;
