/** Schema version 5: what sessions are charged to, what was reserved for them, and what has been told. */
export const budgets = `
alter table sessions add column charged_bead text;
alter table sessions add column charged_convoy text;
alter table sessions add column reserved_tokens integer not null default 0;
alter table sessions add column reserved_usd real not null default 0;
create index sessions_charged_bead on sessions (charged_bead) where charged_bead is not null;
create index sessions_charged_convoy on sessions (charged_convoy) where charged_convoy is not null;
create index sessions_role on sessions (role, ended_at);

update sessions set
  charged_convoy = (select convoy_id from beads b where b.id = sessions.bead_id),
  charged_bead = coalesce(
    (select m.source_id from merge_requests m where m.bead_id = sessions.bead_id and m.lands_convoy = 0),
    (select m.source_id from beads b join merge_requests m on m.bead_id = b.parent_id
     where b.id = sessions.bead_id and m.lands_convoy = 0),
    bead_id);

create table spend (
  scope text not null,
  id text not null,
  tokens integer not null,
  usd real not null,
  primary key (scope, id)
) strict, without rowid;
insert into spend (scope, id, tokens, usd)
  select 'bead', charged_bead, sum(tokens_in + tokens_out), sum(usd) from sessions
    where state = 'ended' and charged_bead is not null group by charged_bead
  union all
  select 'convoy', charged_convoy, sum(tokens_in + tokens_out), sum(usd) from sessions
    where state = 'ended' and charged_convoy is not null group by charged_convoy
  union all
  select 'rig', rig_id, sum(tokens_in + tokens_out), sum(usd) from sessions
    where state = 'ended' and rig_id is not null group by rig_id
  union all
  select 'town_day', strftime('%Y-%m-%d', ended_at / 1000, 'unixepoch'), sum(tokens_in + tokens_out), sum(usd)
    from sessions where state = 'ended' and ended_at is not null group by 2;

create table budget_levels (
  scope text not null,
  id text not null,
  rig_id text,
  level integer not null,
  primary key (scope, id)
) strict, without rowid;
`;
