/** Schema version 24: things that need a person can be put aside; without `hidden_until`, while they look as in `look`. */
export const snoozes = `
create table snoozes (
  key text not null primary key,
  hidden_until integer,
  look text not null,
  by text not null,
  at integer not null
) strict, without rowid;
`;
