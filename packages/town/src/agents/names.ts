/** Names for agents: short, easy to tell apart, unique in the town (spec/town.md §1). */
const POOL: readonly string[] = [
  "Ash",
  "Birch",
  "Cedar",
  "Dune",
  "Ember",
  "Fern",
  "Grove",
  "Hazel",
  "Iris",
  "Juniper",
  "Kestrel",
  "Lark",
  "Maple",
  "Nettle",
  "Onyx",
  "Pine",
  "Quartz",
  "Raven",
  "Slate",
  "Thistle",
  "Umber",
  "Vale",
  "Willow",
  "Yarrow",
  "Zephyr",
  "Amber",
  "Basalt",
  "Clover",
  "Drift",
  "Elder",
  "Flint",
  "Garnet",
  "Heron",
  "Indigo",
  "Jasper",
  "Kelp",
  "Linden",
  "Moss",
  "North",
  "Olive",
  "Pebble",
  "Quill",
  "Rowan",
  "Sage",
  "Tansy",
  "Vesper",
  "Wren",
  "Alder",
];

/** The first name of the pool that is free, then the pool again with a number. */
export function freeName(taken: ReadonlySet<string>): string {
  for (let round = 1; ; round++) {
    for (const name of POOL) {
      const candidate = round === 1 ? name : `${name}${round}`;
      if (!taken.has(candidate)) return candidate;
    }
  }
}
