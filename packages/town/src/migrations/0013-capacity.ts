/** Schema version 13: why this town waits for a runner, while its host has no room for one. */
export const capacity = `
alter table town add column no_room text;
alter table town add column no_room_at integer;
`;
