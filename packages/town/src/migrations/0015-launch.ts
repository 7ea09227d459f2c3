/** Schema version 15: the settings that a session began with, models chosen for the next mayor, prewarming. */
export const launch = `
alter table sessions add column prewarmed integer not null default 0;
alter table sessions add column config_version integer not null default 0;
alter table town drop column config_at;
alter table town add column mayor_model text;
alter table town add column mayor_small_model text;
`;
