/** The work of a session that goes on: saved now and then, one save at a time, and the town told where. */
import type { EffectOutcome, StartRequest } from "@gastown/protocol";
import { Checkpoints } from "./checkpoints.ts";
import type { SessionDeps } from "./deps.ts";
import type { Directories } from "./directories.ts";
import { NOTHING_SAVED, saveAll } from "./save-work.ts";
import type { Saved } from "./save-work.ts";

export interface WorkKeeperOptions {
  readonly request: StartRequest;
  readonly deps: SessionDeps;
  readonly isWorking: () => boolean;
  /** Null until git has prepared them. */
  readonly directories: () => Directories | null;
}

export class WorkKeeper {
  readonly #options: WorkKeeperOptions;
  readonly #checkpoints: Checkpoints | null;
  readonly #told = new Set<string>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: WorkKeeperOptions) {
    this.#options = options;
    const { checkpointMs, setTimer } = options.deps;
    const save = async (signal: AbortSignal): Promise<void> => void (await this.#save(signal));
    this.#checkpoints =
      checkpointMs === null
        ? null
        : new Checkpoints({ everyMs: checkpointMs, setTimer, isWorking: options.isWorking, save });
  }

  /** Its agent begins a turn. */
  working(): void {
    this.#checkpoints?.begin();
  }

  /** What `POST /git/save-work` answers. */
  async saveNow(signal: AbortSignal): Promise<EffectOutcome> {
    const { workRef, problem } = await this.#save(signal);
    if (problem !== null && workRef === null) return { outcome: "error", message: problem };
    return { outcome: "work_saved", work_ref: workRef };
  }

  /** Nothing of it runs after this; the caller saves for the last time. */
  async end(): Promise<void> {
    await this.#checkpoints?.end();
    await this.#tail;
  }

  #save(signal: AbortSignal): Promise<Saved> {
    const saving = this.#tail.then(() => (signal.aborted ? NOTHING_SAVED : this.#saveAll(signal)));
    this.#tail = saving.catch(() => undefined);
    return saving;
  }

  async #saveAll(signal: AbortSignal): Promise<Saved> {
    const { request, deps } = this.#options;
    const { session_id: sessionId, author, epoch } = request;
    const worktrees = this.#options.directories()?.worktrees ?? [];
    const saved = await saveAll(deps.git, { sessionId, author, worktrees }, deps.options.log, { signal });
    if (saved.workRef !== null && !this.#told.has(saved.workRef)) {
      this.#told.add(saved.workRef);
      deps.sender.session(sessionId, "saved", { epoch, work_ref: saved.workRef });
    }
    return saved;
  }
}
