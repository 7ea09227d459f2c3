/** Schema version 23: what a live session waits for that is not its agent's: its model's provider. */
export const modelWaits = `
alter table sessions add column model_wait text;
`;
