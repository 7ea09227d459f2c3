/**
 * Schema version 31: which polls may begin is found among those that wait, and not among all that a week of
 * watched pull requests leaves behind.
 */
export const pollIndex = `
create index outbox_polls on outbox (due_at, id) where state = 'pending' and kind = 'poll_pull_request';
`;
