/** What a scripted agent does, as a bead says it. */

/** One step of a scripted agent. */
export type Step = string | Readonly<Record<string, unknown>>;
/** Steps, or steps by attempt, with what a rework or a conflict bead does. */
export interface Script {
  readonly steps?: readonly Step[];
  readonly attempts?: Readonly<Record<string, readonly Step[]>>;
  readonly rework?: readonly Step[];
  readonly conflict?: readonly Step[];
}

export function bodyOf(script: Script): string {
  return ["```gastown-script", JSON.stringify(script), "```"].join("\n");
}
