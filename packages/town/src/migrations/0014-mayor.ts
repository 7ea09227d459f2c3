/** Schema version 14: the mayor's queue, what was on a person's screen, pinned models, config counter. */
export const mayorQueue = `
alter table mayor_messages add column mode text not null default 'when_idle';
alter table mayor_messages add column position integer;
alter table mayor_messages add column rig_id text;
alter table mayor_messages add column context text not null default '[]';
alter table mayor_messages add column cut_session text;

create table ui_contexts (
  seq integer primary key autoincrement,
  person text not null,
  at integer not null,
  text text not null
) strict;
create index ui_contexts_person on ui_contexts (person, at);

alter table sessions add column small_model text;
alter table sessions add column model_pinned integer not null default 0;
alter table sessions add column fresh integer not null default 0;
create index sessions_mayor on sessions (started_at) where role = 'mayor';

alter table town add column config_version integer not null default 0;
alter table town add column config_at integer not null default 0;
alter table town add column mayor_asked_at integer not null default 0;
alter table town add column mayor_fresh integer not null default 0;
update town set config_version = (select coalesce(sum(version), 0) from config);
`;
