/** Schema version 17: others wait for this town's place on its host. */
export const giveWay = `
alter table town add column room_wanted_at integer;
`;
