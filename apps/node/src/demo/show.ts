import type { FeedEntry, LiveFrame } from "@gastown/protocol";
import { cut, type Output, type Style } from "../cli/output.ts";

/** The events that tell the story, and how they look. */
const STORY: Readonly<Record<string, readonly [mark: string, style: Style]>> = {
  "rig.verified": ["repository", "dim"],
  "mayor.message_received": ["you", "bold"],
  "mayor.message_answered": ["mayor", "magenta"],
  "convoy.created": ["convoy", "magenta"],
  "review.submitted": ["handed in", "blue"],
  "review.gates_finished": ["tests", "dim"],
  "merge.gates_failed": ["tests", "red"],
  "review.changes_requested": ["review", "yellow"],
  "review.approved": ["review", "green"],
  "merge.conflict": ["conflict", "yellow"],
  "merge.landed": ["merged", "green"],
  "convoy.landing": ["convoy", "magenta"],
  "convoy.landed": ["landed", "green"],
  "convoy.failed": ["convoy", "red"],
  "agent.dispatch_failed": ["agent", "red"],
  "escalation.created": ["question", "red"],
  "review.failed": ["review", "red"],
};
const MARK_WIDTH = 10;
const LINE = 150;

/** Shows a run as it happens: one line per interesting event, with the time since the beginning. */
export class Story {
  readonly #out: Output;
  readonly #startedAt: number;
  readonly #now: () => number;

  constructor(out: Output, now: () => number) {
    this.#out = out;
    this.#now = now;
    this.#startedAt = now();
  }

  elapsedMs(): number {
    return this.#now() - this.#startedAt;
  }

  take(frame: LiveFrame): void {
    if (frame.type === "event") this.#event(frame.entry);
  }

  /** A line that no event tells. */
  say(mark: string, text: string, style: Style = "dim"): void {
    const seconds = (this.elapsedMs() / 1000).toFixed(1).padStart(5);
    const out = this.#out;
    const line = `${out.style("dim", `${seconds} s`)}  ${out.style(style, mark.padEnd(MARK_WIDTH))} ${cut(text, LINE)}`;
    // The one document of --json has standard output for itself.
    if (out.json) out.note(line);
    else out.piece(`${line}\n`);
  }

  #event(entry: FeedEntry): void {
    const [mark, style] = storyOf(entry) ?? [];
    if (mark !== undefined) this.say(mark, shorter(entry.text), style);
  }
}

function storyOf(entry: FeedEntry): readonly [mark: string, style: Style] | undefined {
  if (entry.kind === "bead.status_changed" && entry.to === "in_progress") return ["agent", "cyan"];
  return STORY[entry.kind];
}

/** Without the names of branches, which are long and tell nothing here. */
function shorter(text: string): string {
  return text
    .replace(/: \S+ waits to go into \S+$/, " is handed in, its tests run")
    .replace(/convoy\/\S+\/head/, "the convoy's branch");
}
