/** What every benchmark is, and what it answers. */

type Value = number | string;

export interface Figures {
  /** Named figures; times in milliseconds unless the name says otherwise. */
  readonly values: Readonly<Record<string, Value>>;
  readonly pass: boolean;
}

export interface Benchmark {
  readonly id: string;
  /** One line for the table. */
  readonly measures: string;
  /** What must be reached, as `spec/quality.md` says it. */
  readonly target: string;
  /** Throws when it cannot be run; a missed target is a figure, not an error. */
  run(context: BenchContext): Promise<Figures>;
}

export interface BenchContext {
  /** A line for standard error: what goes on, and what was seen besides the figures. */
  readonly note: (text: string) => void;
  /** Aborts when the whole run is taken back or its time is over. */
  readonly signal: AbortSignal;
}

/** One element of what `--json` prints. */
export interface Result extends Figures {
  readonly id: string;
  readonly target: string;
}
