/** Schema version 4: nudges, and how far the patience with a silent session has come. */
export const nudges = `
alter table sessions add column quiet_tier integer not null default 0;
alter table sessions add column quiet_from integer not null default 0;

create table nudges (
  seq integer primary key autoincrement,
  id text not null unique,
  agent_id text not null,
  session_id text,
  text text not null,
  mode text not null,
  urgent integer not null,
  sender text not null,
  state text not null,
  created_at integer not null,
  expires_at integer,
  claimed_by text,
  delivered_at integer
) strict;
create index nudges_open on nudges (agent_id, urgent desc, seq) where state in ('pending', 'claimed');
create index nudges_expiring on nudges (expires_at) where state in ('pending', 'claimed');
create index nudges_created on nudges (created_at);
`;
