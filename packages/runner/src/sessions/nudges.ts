/**
 * Nudges of one session (spec/town.md §6): fetched from the town when it says that some wait, shown
 * as turns, acknowledged when their turn begins. One that is fetched twice is shown once.
 */
import { nudgesAnswer } from "@gastown/protocol";
import type { ClaimedNudge, StartRequest } from "@gastown/protocol";
import type { SessionDeps } from "./deps.ts";
import type { Prompt, Turns } from "./turns.ts";

export interface NudgesOptions {
  readonly request: Pick<StartRequest, "session_id" | "epoch">;
  readonly deps: Pick<SessionDeps, "town" | "sender"> & {
    readonly options: Pick<SessionDeps["options"], "log">;
  };
  readonly turns: Turns;
  /** Whether a turn could begin or be interrupted now. */
  readonly mayShow: () => boolean;
  /** Begins the next turn, where that is allowed. */
  readonly proceed: () => void;
}

export class Nudges {
  readonly #options: NudgesOptions;
  readonly #seen = new Set<string>();
  /** The town has some that were not fetched, as far as is known here. */
  #waiting = false;
  #fetching = false;

  constructor(options: NudgesOptions) {
    this.#options = options;
  }

  /** The town says that some wait. What interrupts is fetched at once, the rest when nothing runs. */
  tell(): void {
    this.#waiting = true;
    void this.#fetch();
  }

  /** Nothing runs and nothing waits here: what waits in the town may come. */
  atRest(): void {
    if (this.#waiting) void this.#fetch();
  }

  /** A turn has begun: where it came from a nudge, that one is delivered. */
  begun(prompt: Prompt): void {
    if (prompt.nudgeId === undefined) return;
    const { request, deps } = this.#options;
    deps.sender.session(request.session_id, `nudges/${prompt.nudgeId}/ack`, {
      epoch: request.epoch,
      delivered: true,
    });
  }

  async #fetch(): Promise<void> {
    if (this.#fetching || !this.#options.mayShow()) return;
    this.#fetching = true;
    const idle = this.#isIdle;
    // Set again by whoever tells of more while this is under way.
    this.#waiting = !idle;
    try {
      this.#show(await this.#claim(idle ? "idle" : "busy"));
    } catch (thrown) {
      // The next heartbeat tells of them again.
      const { deps, request } = this.#options;
      deps.options.log("nudges.failed", { session_id: request.session_id, message: String(thrown) });
    } finally {
      this.#fetching = false;
    }
    if (this.#waiting && this.#isIdle) await this.#fetch();
  }

  /** Between a turn that was interrupted and the one that interrupted it, nothing runs but something waits. */
  get #isIdle(): boolean {
    const { turns } = this.#options;
    return !turns.isRunning && turns.waiting === 0;
  }

  async #claim(when: "idle" | "busy"): Promise<ClaimedNudge[]> {
    const { request, deps } = this.#options;
    const body = JSON.stringify({ epoch: request.epoch, when });
    const path = `sessions/${request.session_id}/nudges/claim`;
    return (await deps.town.post(path, body, { answer: nudgesAnswer })).nudges;
  }

  #show(nudges: readonly ClaimedNudge[]): void {
    const { turns, mayShow, proceed } = this.#options;
    const fresh = nudges.filter(({ nudge_id }) => !this.#seen.has(nudge_id));
    if (!mayShow()) return;
    // Put before what waits, so the first of them is put there last.
    for (const nudge of fresh.toReversed()) {
      this.#seen.add(nudge.nudge_id);
      turns.add({ text: textOf(nudge), source: "nudge", messageId: null, nudgeId: nudge.nudge_id }, true);
    }
    if (fresh.some(({ mode }) => mode === "now")) turns.cancel();
    if (fresh.length > 0) proceed();
  }
}

/** Who speaks is said: an agent must not take a colleague's words for the town's. */
function textOf({ source, text }: ClaimedNudge): string {
  return `[A message from ${source} while you work.]\n${text}`;
}
