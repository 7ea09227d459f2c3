/** Schema version 30: until when a mayor whose start was refused for a passing cause is not started. */
export const mayorRest = `
alter table town add column mayor_rest_until integer not null default 0;
`;
