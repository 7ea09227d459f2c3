/** Sealed secrets (spec/town.md §1); the key that opens them is never in this database. */
export const secrets = `
create table secrets (
  scope text not null,
  key text not null,
  sealed text not null,
  masked text not null,
  changed_at integer not null,
  changed_by text not null,
  primary key (scope, key)
) strict, without rowid;
`;
