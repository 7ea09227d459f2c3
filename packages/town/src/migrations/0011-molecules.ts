/** Schema version 11: the steps of beads, and the formulas of each rig's repository. */
export const molecules = `
create table molecule_steps (
  bead_id text not null,
  position integer not null,
  title text not null,
  instructions text not null,
  summary text,
  done_at integer,
  done_by text,
  primary key (bead_id, position)
) strict, without rowid;

create table formulas (
  rig_id text not null,
  name text not null,
  value text not null,
  primary key (rig_id, name)
) strict, without rowid;

create table formula_problems (
  rig_id text not null,
  file text not null,
  message text not null,
  primary key (rig_id, file)
) strict, without rowid;
`;
