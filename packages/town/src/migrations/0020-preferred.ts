/** Schema version 20: which beads want a certain agent. */
export const preferred = `
create index beads_preferred on beads (prefer_agent) where prefer_agent is not null;
`;
