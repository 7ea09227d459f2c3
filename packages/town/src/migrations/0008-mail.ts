/** Schema version 8: mail, and which escalations the mayor was told of. */
export const mail = `
create table messages (
  seq integer primary key autoincrement,
  id text not null unique,
  to_agent text not null,
  sender text not null,
  subject text not null,
  body text not null,
  created_at integer not null,
  claimed_by text,
  delivered_at integer,
  delivered_to text,
  mayor_message text
) strict;
create index messages_waiting on messages (to_agent, seq) where delivered_at is null and mayor_message is null;
create index messages_claimed on messages (claimed_by) where claimed_by is not null and delivered_at is null;
create index messages_created on messages (created_at);

create index beads_parent on beads (parent_id) where parent_id is not null;

alter table escalations add column told integer not null default 0;
update escalations set told = 1;
`;
