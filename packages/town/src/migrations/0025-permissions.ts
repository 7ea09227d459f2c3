/** Schema version 25: what agents ask a person's permission for. */
export const permissions = `
create table permissions (
  session_id text not null,
  request_id text not null,
  tool text not null,
  title text not null,
  decision text not null check (decision in ('pending', 'allow', 'deny', 'withdrawn')),
  scope text not null check (scope in ('once', 'session')),
  escalation_id text,
  asked_at integer not null,
  primary key (session_id, request_id)
) strict;
create index permissions_asked on permissions (asked_at);
`;
