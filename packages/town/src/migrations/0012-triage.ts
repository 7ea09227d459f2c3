/** Schema version 12: what triage is asked to judge. */
export const triage = `
create table triage_requests (
  seq integer primary key autoincrement,
  id text not null unique,
  session_id text not null,
  epoch integer not null,
  seen_at integer not null,
  bead_id text,
  agent_id text not null,
  rig_id text,
  text text not null,
  state text not null,
  attempts integer not null default 0,
  batch text,
  action text,
  notes text,
  created_at integer not null,
  resolved_at integer
) strict;
create index triage_open on triage_requests (state, seq) where state in ('open', 'judged');
create index triage_session on triage_requests (session_id);
alter table town add column triage_rest_until integer not null default 0;
`;
