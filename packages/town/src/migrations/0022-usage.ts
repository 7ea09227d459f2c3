/** Schema version 22: what a session's earlier lives used counts as well as what its present one reports. */
export const usageLives = `
alter table sessions add column usage_epoch integer not null default 0;
alter table sessions add column before_in integer not null default 0;
alter table sessions add column before_out integer not null default 0;
alter table sessions add column before_usd real not null default 0;
`;
