/** Pull requests (spec/review.md §4): what the forge said, how polls failed, how far a landing is. */
export const pullRequests = `
alter table rigs add column forge text;

alter table merge_requests add column pr_url text;
alter table merge_requests add column pr_number integer;
alter table merge_requests add column pr_state text;
alter table merge_requests add column pr_reading text;
alter table merge_requests add column pr_read_at integer not null default 0;
alter table merge_requests add column read_after integer not null default 0;
alter table merge_requests add column next_poll_at integer not null default 0;
alter table merge_requests add column poll_transient_count integer not null default 0;
alter table merge_requests add column poll_non_transient_count integer not null default 0;
alter table merge_requests add column poll_null_count integer;
alter table merge_requests add column poll_error_kind text;
alter table merge_requests add column adopted integer not null default 0;
alter table merge_requests add column can_push integer not null default 1;
alter table merge_requests add column force_push_allowed integer not null default 0;
alter table merge_requests add column head_at integer not null default 0;
alter table merge_requests add column prior_heads text not null default '[]';
alter table merge_requests add column rounds text not null default '[]';
alter table merge_requests add column feedback_rounds integer not null default 0;
alter table merge_requests add column fix_cause text;
alter table merge_requests add column recheck text;
alter table merge_requests add column review_post text;
alter table merge_requests add column green_since integer;
alter table merge_requests add column merge_now_sha text;
alter table merge_requests add column merge_held text;
alter table merge_requests add column merged_by text;
alter table merge_requests add column merged_head text;
alter table merge_requests add column merged_outside integer not null default 0;
create index merges_pr on merge_requests (pr_url) where pr_url is not null;
create index merges_failed on merge_requests (failure_kind) where failure_kind is not null;
`;
