/** Schema version 2: the circuit breaker, and which ended sessions it counts. */
export const breaker = `
alter table sessions add column counted integer not null default 0;
create index sessions_counted on sessions (ended_at) where counted = 1;

create table breaker (
  id integer primary key check (id = 1),
  opened_at integer,
  counted_from integer not null default 0,
  failures integer not null default 0,
  probes integer not null default 0,
  probe_at integer not null default 0,
  probe_session text,
  probe_bead text
) strict;
insert into breaker (id) values (1);
`;
