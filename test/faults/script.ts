/** What a scripted agent does, as a bead says it. */

/** One step of a scripted agent. */
export type Step = string | Readonly<Record<string, unknown>>;
/** Steps, or steps by attempt, with what a fix bead or a reviewer does. */
export interface Script {
  readonly steps?: readonly Step[];
  readonly attempts?: Readonly<Record<string, readonly Step[]>>;
  readonly rework?: readonly Step[];
  readonly conflict?: readonly Step[];
  readonly feedback?: readonly Step[];
  /** What it does in a later turn of its session. */
  readonly later?: readonly Step[];
  /** What its reviewer does, by round. */
  readonly review?: readonly (readonly Step[])[];
}

export function bodyOf(script: Script): string {
  return ["```gastown-script", JSON.stringify(script), "```"].join("\n");
}
