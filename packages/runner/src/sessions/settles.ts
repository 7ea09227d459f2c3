/**
 * Settling of one session (spec/review.md §1): idempotent by `settle_id`, the result by callback.
 * The agent's turn goes on beside it: the agent waits inside its `gt_done` call.
 */
import { GastownError } from "@gastown/protocol";
import type { RigRef, SettleRequest, SettleResult, StartRequest } from "@gastown/protocol";
import { GitFailure } from "../git/index.ts";
import type { SettleOutcome } from "../git/index.ts";
import type { SessionDeps } from "./deps.ts";
import type { Directories } from "./directories.ts";
import { handedOver, workLost } from "./endings.ts";
import type { Ending } from "./leaving.ts";
import { delay, within } from "../wait.ts";

const NOTHING = {
  base_sha: null,
  head_sha: null,
  commits: 0,
  additions: 0,
  deletions: 0,
  committed_dirty: false,
};

export type Settling = NonNullable<StartRequest["settling"]>;

/** How long an answer waits for the commit that it names, in milliseconds. */
const COMMIT_WAIT_MS = 15_000;
const LONGEST_PAUSE_MS = 30_000;

export class Settles {
  readonly #request: StartRequest;
  readonly #deps: SessionDeps;
  readonly #onDone: () => void;
  readonly #abort = new AbortController();
  readonly #results = new Map<string, SettleResult | null>();
  /** The commit of each settle as soon as it is made; null where none was. */
  readonly #heads = new Map<string, PromiseWithResolvers<string | null>>();
  readonly #directories: Promise<Directories>;
  #markReady: (directories: Directories) => void = () => undefined;
  #isReady = false;
  /** Settles of one session go one after the other: they share a worktree. */
  #tail: Promise<void> = Promise.resolve();
  #running = 0;
  #isOver = false;
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
    this.#isReady = true;
    this.#markReady(directories);
  }

  /**
   * Begins it, or attaches to it.
   * @returns the head, once all is committed; null where that is not so soon
   * @throws GastownError `invalid_transition` for a session that has no branch of its own.
   */
  async begin(request: SettleRequest): Promise<string | null> {
    const known = this.#results.get(request.settle_id);
    if (known) this.#send(known);
    if (known === undefined) this.#start(request);
    const head = this.#heads.get(request.settle_id)?.promise ?? Promise.resolve(known?.head_sha ?? null);
    const isSoon = this.#isReady && (await within(head, COMMIT_WAIT_MS));
    return isSoon ? head : null;
  }

  /**
   * The worktree of a settle that an earlier instance had begun is gone (spec/runner.md §2): what it
   * had committed counts where the remote has exactly that, and nothing else does.
   */
  async readBack({ settle_id, head_sha }: Settling, signal: AbortSignal): Promise<Ending> {
    const { rig, branch, epoch } = this.#request;
    const known = rig !== null && branch !== null && head_sha !== null;
    const isThere = known && (await this.#remoteHead(rig, branch, signal)) === head_sha;
    const result: SettleResult | null = isThere
      ? { ...NOTHING, epoch, settle_id, result: "pushed", branch, head_sha, error: null }
      : null;
    this.#results.set(settle_id, result);
    this.#isOver = true;
    if (result === null) return workLost;
    this.#settled = true;
    this.#send(result);
    return handedOver;
  }

  /** Asked until it answers, or the session is not wanted any more. */
  async #remoteHead(rig: RigRef, branch: string, signal: AbortSignal): Promise<string | null> {
    for (let pause = 500; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await this.#deps.git.head(rig, branch, signal);
      } catch (thrown) {
        if (signal.aborted || !(thrown instanceof GitFailure)) throw thrown;
        await delay(pause, signal);
      }
    }
  }

  #start(request: SettleRequest): void {
    const { branch, target } = this.#request;
    if (branch === null || target === null || this.#request.rig === null) {
      throw new GastownError(
        "invalid_transition",
        "This session has no branch of its own, so there is nothing to settle.",
      );
    }
    this.#results.set(request.settle_id, null);
    this.#running += 1;
    this.#heads.set(request.settle_id, Promise.withResolvers());
    this.#tail = this.#tail.then(() => this.#run(request, branch, target));
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
    this.#heads.get(request.settle_id)?.resolve(null);
    this.#running -= 1;
    // What the remote said has been told already, and this was never more than a wish.
    if (this.#isOver) return;
    const result: SettleResult = { epoch: this.#request.epoch, settle_id: request.settle_id, ...outcome };
    this.#results.set(request.settle_id, result);
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
      onCommitted: (head) => this.#heads.get(request.settle_id)?.resolve(head),
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
