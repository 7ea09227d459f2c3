/** Schema version 1. Times are epoch ms; ids and hashes are TEXT; JSON columns hold JSON text. */
export const initial = `
create table town (
  id integer primary key check (id = 1),
  town_id text not null,
  name text not null,
  created_at integer not null,
  paused_at integer,
  paused_reason text,
  last_time integer not null,
  epoch integer not null default 0,
  runner_epoch integer not null default 0,
  runner_instance text,
  runner_seen_at integer,
  runner_draining integer not null default 0,
  runner_failures integer not null default 0,
  pruned_at integer not null default 0
) strict;

create table config (scope text primary key, version integer not null, value text not null) strict, without rowid;

create table rigs (
  id text primary key,
  name text not null unique,
  git_url text not null,
  default_branch text,
  state text not null,
  reason text,
  setup_failures integer not null default 0,
  gate text,
  created_at integer not null,
  updated_at integer not null,
  version integer not null default 0
) strict, without rowid;

create table beads (
  id text primary key,
  ending text not null,
  type text not null,
  kind text,
  status text not null,
  reason text,
  title text not null,
  body text not null,
  rig_id text,
  convoy_id text,
  parent_id text,
  priority integer not null,
  labels text not null,
  metadata text not null,
  held text,
  waived integer not null default 0,
  created_by text not null,
  created_at integer not null,
  updated_at integer not null,
  closed_at integer,
  waiting text,
  ready integer not null default 0,
  dispatch_class integer not null default 2,
  convoy_at integer not null default 0,
  start_failures integer not null default 0,
  run_failures integer not null default 0,
  cooldown_until integer not null default 0,
  sessions_count integer not null default 0,
  work_ref text,
  pushed_head text,
  fresh integer not null default 0,
  note text,
  summary text,
  version integer not null default 0
) strict, without rowid;
create index beads_ready on beads (rig_id, dispatch_class, priority desc, convoy_at, created_at) where ready = 1;
create index beads_ending on beads (ending);
create index beads_convoy on beads (convoy_id) where convoy_id is not null;
create index beads_status on beads (type, status, updated_at);
create index beads_created on beads (created_at, id);
create index beads_rig on beads (rig_id, created_at);

create table dependencies (
  from_id text not null,
  to_id text not null,
  kind text not null,
  primary key (from_id, to_id, kind)
) strict, without rowid;
create index dependencies_to on dependencies (to_id, kind);

create table agents (
  id text primary key,
  name text not null unique,
  role text not null,
  rig_id text,
  status_text text,
  status_at integer,
  created_at integer not null,
  used_at integer not null,
  version integer not null default 0
) strict, without rowid;
create index agents_role on agents (role, rig_id, used_at);

create table sessions (
  id text primary key,
  ending text not null,
  agent_id text not null,
  role text not null,
  bead_id text,
  rig_id text,
  epoch integer not null,
  state text not null,
  busy integer not null default 0,
  outcome text,
  reason text,
  gone integer not null default 0,
  stop_requested text,
  lease_expires_at integer not null,
  deadline integer,
  last_event_at integer not null,
  waiting_since integer,
  active_tools text not null default '[]',
  runtime text not null,
  model text,
  branch text,
  start_point text,
  target text,
  start_head text,
  allow_rewrite integer not null default 0,
  head_sha text,
  work_ref text,
  checkpoint text,
  status_text text,
  phase text,
  conversation_id text,
  prompted integer not null default 0,
  tools_listed integer not null default 0,
  settle_id text,
  settle_no_changes integer not null default 0,
  settle_summary text,
  settle_state text,
  tokens_in integer not null default 0,
  tokens_out integer not null default 0,
  usd real not null default 0,
  usd_known integer not null default 0,
  transcript_seq integer not null default 0,
  started_at integer not null,
  ended_at integer,
  version integer not null default 0
) strict, without rowid;
create unique index sessions_live_agent on sessions (agent_id) where state <> 'ended';
create unique index sessions_live_bead on sessions (bead_id) where state <> 'ended' and bead_id is not null;
create index sessions_live_rig on sessions (rig_id, role) where state <> 'ended';
create index sessions_bead on sessions (bead_id, started_at);
create index sessions_agent on sessions (agent_id, started_at);
create index sessions_started on sessions (started_at);
create index sessions_ended_at on sessions (ended_at);
create index sessions_ending on sessions (ending);

create table merge_requests (
  bead_id text primary key,
  source_id text not null,
  convoy_id text,
  lands_convoy integer not null default 0,
  rig_id text not null,
  branch text not null,
  target text not null,
  strategy text not null,
  method text not null,
  state text not null,
  priority integer not null,
  convoy_at integer not null default 0,
  head_sha text not null,
  reviewed_sha text,
  verdict text,
  gates_head text,
  gates text,
  gates_green integer not null default 0,
  review_wanted integer not null default 0,
  review_failures integer not null default 0,
  change_rounds integer not null default 0,
  landing_failures integer not null default 0,
  cooldown_until integer not null default 0,
  fix_bead_id text,
  question_id text,
  failure_kind text,
  failure_message text,
  merge_commit text,
  pending_command text,
  waiting text,
  created_at integer not null,
  updated_at integer not null
) strict, without rowid;
create unique index merges_live_source on merge_requests (source_id, rig_id) where state not in ('merged', 'failed');
create index merges_lane on merge_requests (rig_id, target, state, priority desc, convoy_at, created_at);
create index merges_review on merge_requests (rig_id, priority desc, convoy_at, created_at) where review_wanted = 1;
create index merges_resting on merge_requests (rig_id, cooldown_until) where review_wanted = 1;
create index merges_state on merge_requests (state, created_at);
create index merges_fix on merge_requests (fix_bead_id) where fix_bead_id is not null;
create index merges_convoy on merge_requests (convoy_id) where convoy_id is not null;
create index merges_source on merge_requests (source_id);

create table lanes (
  rig_id text not null,
  target text not null,
  blocked_until integer,
  reason text,
  primary key (rig_id, target)
) strict, without rowid;

create table convoys (
  bead_id text primary key,
  mode text not null,
  state text not null,
  landing_attempts integer not null default 0,
  landings_forgiven integer not null default 0,
  cooldown_until integer not null default 0,
  started_at integer,
  landed_at integer
) strict, without rowid;
create index convoys_state on convoys (state);

create table convoy_branches (
  convoy_id text not null,
  rig_id text not null,
  branch text not null,
  state text not null,
  head_sha text,
  error text,
  primary key (convoy_id, rig_id)
) strict, without rowid;

create table escalations (
  bead_id text primary key,
  severity text not null,
  category text not null,
  subject text not null,
  title text not null,
  body text not null,
  open integer not null,
  acknowledged_at integer,
  bumps integer not null default 0,
  choices text not null,
  resolution text,
  source text not null,
  created_at integer not null
) strict, without rowid;
create unique index escalations_open on escalations (subject, category) where open = 1;
create index escalations_created on escalations (created_at);

create table mayor_messages (
  seq integer primary key autoincrement,
  id text not null unique,
  text text not null,
  sender text not null,
  at integer not null,
  state text not null,
  session_id text,
  deliveries integer not null default 0,
  delivered_at integer
) strict;
create index mayor_messages_state on mayor_messages (state, seq);

create table inbox (
  seq integer primary key autoincrement,
  type text not null,
  payload text not null,
  at integer not null,
  attempts integer not null default 0,
  due_at integer not null,
  error text,
  state text not null default 'pending'
) strict;
create index inbox_state on inbox (state, seq);
create index inbox_at on inbox (at);

create table outbox (
  id text primary key,
  kind text not null,
  subject text not null,
  key text not null,
  payload text not null,
  state text not null,
  attempts integer not null default 0,
  failures integer not null default 0,
  due_at integer not null,
  deadline integer not null default 0,
  give_up_at integer,
  runner_epoch integer not null default 0,
  result text,
  created_at integer not null
) strict, without rowid;
create unique index outbox_key on outbox (key) where state in ('pending', 'running', 'accepted');
create index outbox_due on outbox (state, due_at);
create index outbox_deadline on outbox (state, deadline);
create index outbox_subject on outbox (subject, state);
create index outbox_created on outbox (created_at);

create table schedule (
  kind text not null,
  id text not null,
  due_at integer not null,
  failures integer not null default 0,
  error text,
  primary key (kind, id)
) strict, without rowid;
create index schedule_due on schedule (due_at);

create table audit (
  seq integer primary key autoincrement,
  at integer not null,
  actor text not null,
  subject_type text not null,
  subject_id text not null,
  kind text not null,
  from_state text,
  to_state text,
  reason text,
  rig_id text,
  bead_id text,
  convoy_id text,
  agent_id text,
  session_id text,
  text text not null,
  data text not null
) strict;
create index audit_subject on audit (subject_id, seq);
create index audit_bead on audit (bead_id, seq) where bead_id is not null;
create index audit_convoy on audit (convoy_id, seq) where convoy_id is not null;
create index audit_at on audit (at);

create table transcript (
  session_id text not null,
  seq integer not null,
  at integer not null,
  type text not null,
  data text not null,
  primary key (session_id, seq)
) strict, without rowid;

create table idempotency (
  principal text not null,
  key text not null,
  fingerprint text not null,
  status integer not null,
  body text not null,
  at integer not null,
  primary key (principal, key)
) strict, without rowid;
create index idempotency_at on idempotency (at);
`;
