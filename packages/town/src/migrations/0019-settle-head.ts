/** Schema version 19: the commit that a settle has named, for when its worktree is lost with its runner. */
export const settleHead = `
alter table sessions add column settle_head text;
`;
