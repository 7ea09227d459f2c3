/**
 * Every session of this runner, and the directory (slot) that each belongs to. Fencing by epoch
 * is here: a directory has one live session, and only a newer one may take it over.
 */
import { GastownError, RetryableError } from "@gastown/protocol";
import type {
  AskRequest,
  EffectOutcome,
  HeartbeatSession,
  SessionChange,
  SessionEnded,
  SessionLaunch,
  StartAnswer,
  StartRequest,
  SyncAnswer,
  SyncRequest,
} from "@gastown/protocol";
import { resolveRuntime } from "../agents/resolve-runtime.ts";
import { MODEL_ACTION } from "../models/model-gate.ts";
import { ask } from "./ask.ts";
import type { SessionDeps, Verdict } from "./deps.ts";
import { providerOfRequest } from "./launching.ts";
import { cleaned, reasonOf } from "./refusal.ts";
import type { ResumePlaces } from "./resume-places.ts";
import { whereabouts } from "./save-work.ts";
import type { Saved } from "./save-work.ts";
import { Session } from "./session.ts";

interface Slot {
  epoch: number;
  /** Resolves when nobody uses the directory any more. */
  free: Promise<unknown>;
  current: Session | null;
}

const KEEP_GONE = 1_000;

export class Registry {
  readonly #deps: SessionDeps;
  readonly #sessions = new Map<string, Session>();
  readonly #slots = new Map<string, Slot>();
  /** Launch settings newer than a start that is still on its way to this runner. */
  readonly #ahead = new Map<string, SessionLaunch>();
  #draining = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** No start is taken after this. */
  drain(): void {
    this.#draining = true;
  }

  /** When the mayor that lives here had its tools (ISO time); null: none lives, or it opens. */
  get mayorReadyAt(): string | null {
    return this.live().find(({ isMayor }) => isMayor)?.readyAt ?? null;
  }

  /** Sessions that are not gone. */
  live(): Session[] {
    return [...this.#sessions.values()].filter((session) => !session.isGone);
  }

  views(): HeartbeatSession[] {
    return this.live().map((session) => session.view);
  }

  /** @throws GastownError `not_found` when this runner has never had that session. */
  get(sessionId: string): Session {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      throw new GastownError("not_found", `Session ${sessionId} is not known to this runner.`);
    }
    return session;
  }

  /**
   * Takes a start (spec/runner.md §1). The same `session_id` again returns what exists.
   * @throws GastownError `session_fenced` below the directory's newest epoch, `draining`,
   * `runtime_missing`, `model_unavailable` with `until` and `action`
   */
  start(request: StartRequest, places: ResumePlaces | null = null): StartAnswer {
    const known = this.#sessions.get(request.session_id);
    if (known !== undefined && known.epoch === request.epoch) return this.#answer(known);
    const slot = this.#slotOf(request.agent.id);
    if (request.epoch <= slot.epoch) throw fenced(request, slot.epoch);
    if (this.#draining) {
      throw new RetryableError("draining", "This runner is ending. The start belongs to its successor.");
    }
    resolveRuntime(request.runtime, this.#deps.places);
    if (request.prompt !== null && !request.resume) this.#mustHaveModel(request);
    slot.current?.supersede(request.session_id);
    const session = new Session(this.#newest(request), this.#deps);
    this.#sessions.delete(request.session_id);
    this.#sessions.set(request.session_id, session);
    slot.epoch = request.epoch;
    slot.current = session;
    this.#deps.laterSaves.giveWay(request.agent.id);
    session.begin(places === null ? slot.free : places.turn(slot.free, session));
    slot.free = session.gone;
    void this.#onceGone(session, request.agent.id);
    return this.#answer(session);
  }

  async #onceGone(session: Session, agentId: string): Promise<void> {
    await session.gone;
    this.saveLater(agentId);
    this.#forgetOldest();
  }

  /** What would be prompted at once would only run into the same wall; one start may try. */
  #mustHaveModel(request: StartRequest): void {
    const wait = this.#deps.models.enter(providerOfRequest(request, this.#deps), request.session_id);
    if (wait === null) return;
    const { provider, message, until } = wait;
    throw new RetryableError("model_unavailable", `${provider} does not answer now: ${message}.`, {
      details: { until, action: MODEL_ACTION },
    });
  }

  /** Whether a session has that agent's directory, or waits for it. */
  uses(agentId: string): boolean {
    return this.#slots.get(agentId)?.current?.isGone === false;
  }

  /** Other settings for live sessions (spec/runner.md §3). Nothing that runs is disturbed. */
  sync({ config_version, sessions }: SyncRequest): SyncAnswer {
    return {
      config_version,
      sessions: sessions.map(({ session_id, epoch, launch }) => {
        return { session_id, change: this.#change(session_id, epoch, launch) };
      }),
    };
  }

  #change(sessionId: string, epoch: number, launch: SessionLaunch): SessionChange {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined && session.epoch === epoch && !session.isGone) return session.change(launch);
    // Its start was written before the change and arrives after it: the older settings must not win.
    if (session === undefined || session.epoch < epoch) this.#ahead.set(sessionId, launch);
    return "unknown";
  }

  #newest(request: StartRequest): StartRequest {
    const ahead = this.#ahead.get(request.session_id);
    this.#ahead.delete(request.session_id);
    const isNewer = ahead !== undefined && ahead.settings.config_version > request.settings.config_version;
    return isNewer ? { ...request, ...ahead } : request;
  }

  /** Keeps a directory from being used until `work` is over. */
  hold<T>(agentId: string, work: Promise<T>): Promise<T> {
    const slot = this.#slotOf(agentId);
    slot.free = Promise.all([slot.free, work]);
    return work;
  }

  /** What is unsaved in a slot that no session has, or waits for, is tried again by itself. */
  saveLater(agentId: string): void {
    if (!this.uses(agentId)) this.#deps.laterSaves.look(agentId);
  }

  /** Tells the town of a resume that could not even begin: its session ends, nothing else does. */
  refuse(request: StartRequest, thrown: unknown, left: Saved): void {
    const reason = cleaned(reasonOf(thrown, "process"), this.#deps.redactor);
    const ended: SessionEnded = {
      epoch: request.epoch,
      outcome: reason.code === "draining" ? "evicted" : "refused",
      reason,
      ...whereabouts(left),
      usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
    };
    this.#deps.sender.ended(request.session_id, ended);
  }

  /** @throws where there is no answer: see `ask` */
  ask(request: AskRequest, signal: AbortSignal): Promise<EffectOutcome> {
    return ask(request, this.#deps, signal);
  }

  onVerdict(sessionId: string, verdict: Verdict, token: string | undefined, nudges: number): void {
    this.#sessions.get(sessionId)?.onVerdict(verdict, token, nudges);
  }

  onPermission(sessionId: string, requestId: string, decision: "allow" | "deny"): void {
    this.#sessions.get(sessionId)?.asks.decided(requestId, decision);
  }

  /** The town has been heard of again, or something else that turns may wait for. */
  proceed(): void {
    for (const session of this.live()) session.proceed();
  }

  #slotOf(agentId: string): Slot {
    const known = this.#slots.get(agentId);
    if (known !== undefined) return known;
    // An earlier instance's session of the same epoch may go on here; a later one may not be overtaken.
    const epoch = (this.#deps.slots.read(agentId)?.epoch ?? 1) - 1;
    const slot: Slot = { epoch, free: Promise.resolve(), current: null };
    this.#slots.set(agentId, slot);
    return slot;
  }

  #answer(session: Session): StartAnswer {
    const queued = this.live().filter(({ view }) => view.state === "queued");
    return {
      session_id: session.id,
      state: session.view.state,
      position: Math.max(0, queued.indexOf(session)),
    };
  }

  /** Ended sessions are remembered so that repeats of old requests are answered, but not for ever. */
  #forgetOldest(): void {
    const gone = [...this.#sessions.values()].filter((session) => session.isGone);
    for (const session of gone.slice(0, Math.max(0, gone.length - KEEP_GONE))) {
      if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
    }
  }
}

function fenced(request: StartRequest, newest: number): GastownError {
  return new GastownError(
    "session_fenced",
    `The directory of ${request.agent.name} belongs to a session with epoch ${newest}; ${request.session_id} has ${request.epoch}.`,
    { epoch: newest },
  );
}
