/**
 * Settling of one session (spec/review.md §1): idempotent by `settle_id`, the result by callback.
 * The agent's turn goes on beside it: the agent waits inside its `gt_done` call.
 */
import { GastownError } from "@gastown/protocol";
import type { SettleRequest, SettleResult, StartRequest } from "@gastown/protocol";
import type { SettleOutcome } from "../git/index.ts";
import type { SessionDeps } from "./deps.ts";
import type { Directories } from "./directories.ts";
import { within } from "../wait.ts";

const NOTHING = {
  base_sha: null,
  head_sha: null,
  commits: 0,
  additions: 0,
  deletions: 0,
  committed_dirty: false,
};

export class Settles {
  readonly #request: StartRequest;
  readonly #deps: SessionDeps;
  readonly #onDone: () => void;
  readonly #abort = new AbortController();
  readonly #results = new Map<string, SettleResult | null>();
  readonly #directories: Promise<Directories>;
  #markReady: (directories: Directories) => void = () => undefined;
  /** Settles of one session go one after the other: they share a worktree. */
  #tail: Promise<void> = Promise.resolve();
  #running = 0;
  #settled = false;

  constructor(request: StartRequest, deps: SessionDeps, onDone: () => void) {
    this.#request = request;
    this.#deps = deps;
    this.#onDone = onDone;
    this.#directories = new Promise((done) => {
      this.#markReady = done;
    });
  }

  get running(): boolean {
    return this.#running > 0;
  }

  /** Whether the session's work was handed over, so that nothing more is expected of it. */
  get settled(): boolean {
    return this.#settled;
  }

  /** The worktree exists: a settle that waited for it may begin. */
  ready(directories: Directories): void {
    this.#markReady(directories);
  }

  /** @throws GastownError `invalid_transition` for a session that has no branch of its own. */
  begin(request: SettleRequest): void {
    const known = this.#results.get(request.settle_id);
    if (known === null) return;
    if (known !== undefined) return this.#send(known);
    const { branch, target } = this.#request;
    if (branch === null || target === null || this.#request.rig === null) {
      throw new GastownError(
        "invalid_transition",
        "This session has no branch of its own, so there is nothing to settle.",
      );
    }
    this.#results.set(request.settle_id, null);
    this.#running += 1;
    this.#tail = this.#tail.then(() => this.#run(request, branch, target));
    return undefined;
  }

  /** Waits for what runs; after `limitMs` it is aborted. What was sent stays sent. */
  async end(limitMs: number): Promise<void> {
    if (!this.running) return;
    if (await within(this.#tail, limitMs)) return;
    this.#abort.abort(new Error("The session ended before its work was settled."));
    await this.#tail;
  }

  async #run(request: SettleRequest, branch: string, target: string): Promise<void> {
    const outcome = await this.#settle(request, branch, target).catch(failed(branch));
    const result: SettleResult = { epoch: this.#request.epoch, settle_id: request.settle_id, ...outcome };
    this.#results.set(request.settle_id, result);
    this.#running -= 1;
    if (result.result === "pushed" || (result.result === "nothing_to_push" && request.no_changes))
      this.#settled = true;
    this.#send(result);
    this.#onDone();
  }

  async #settle(request: SettleRequest, branch: string, target: string): Promise<SettleOutcome> {
    const aborted = new Promise<never>((_done, fail) => {
      this.#abort.signal.addEventListener("abort", () => fail(this.#abort.signal.reason), { once: true });
    });
    const { worktrees } = await Promise.race([this.#directories, aborted]);
    const { rig, start_head, allow_rewrite, author, coauthor } = this.#request;
    const dir = worktrees[0]?.dir;
    if (dir === undefined || rig === null) throw new Error("The session has no worktree.");
    return this.#deps.git.settle({
      dir,
      rig,
      branch,
      target,
      startHead: start_head,
      allowRewrite: allow_rewrite,
      author,
      coauthor,
      message: request.message,
      noChanges: request.no_changes,
      signal: this.#abort.signal,
    });
  }

  #send(result: SettleResult): void {
    this.#deps.sender.session(this.#request.session_id, "settle", result);
  }
}

function failed(branch: string): (thrown: unknown) => SettleOutcome {
  return (thrown) => {
    const message = (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, 4_000);
    return { ...NOTHING, result: "error", branch, error: { kind: "other", message } };
  };
}
