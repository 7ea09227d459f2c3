/** Schema version 28: where the logs of a session's setup and of its agents are. */
export const sessionLogs = `
alter table sessions add column logs text;
`;
