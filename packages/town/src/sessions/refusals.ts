/** Refusals of a start that are nobody's failed attempt (spec/town.md §5). */

/** They say nothing about the work: it is simply tried later. */
export const UNCOUNTED: readonly string[] = ["draining", "at_capacity", "model_unavailable"];

/** Every bead of the rig would meet them: they count on the rig, which becomes `broken`. */
export const RIG_WIDE: readonly string[] = ["runtime_missing", "repository_unusable", "no_token", "auth"];
