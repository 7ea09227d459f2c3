/** What one session is made of, put together once: who tells whom what. */
import type { StartRequest } from "@gastown/protocol";
import type { Death } from "../agents/agent-process.ts";
import type { SessionDeps } from "./deps.ts";
import * as endings from "./endings.ts";
import type { Ending } from "./leaving.ts";
import { ModelAccess } from "./model-access.ts";
import { Nudges } from "./nudges.ts";
import { PermissionAsks } from "./permission-asks.ts";
import { Place } from "./place.ts";
import { askToFinish } from "./prompts.ts";
import { RecentItems } from "./recent-items.ts";
import { Reminder } from "./reminder.ts";
import { Settles } from "./settles.ts";
import { Transcript } from "./transcript.ts";
import { Turns, type Prompt, type TurnEnd } from "./turns.ts";
import { UsageMeter } from "./usage-meter.ts";

export interface SessionParts {
  readonly transcript: Transcript;
  readonly recent: RecentItems;
  readonly usage: UsageMeter;
  readonly settles: Settles;
  readonly turns: Turns;
  readonly nudges: Nudges;
  readonly place: Place;
  readonly reminder: Reminder;
  readonly model: ModelAccess;
  readonly asks: PermissionAsks;
}

/** What the parts ask of their session, and tell it. */
export interface SessionHooks {
  /** Aborts when it is to end. */
  readonly signal: AbortSignal;
  readonly isEnding: () => boolean;
  /** Open, with nothing to do. */
  readonly isAtRest: () => boolean;
  readonly isBusy: () => boolean;
  /** Its directories are there; its agent is next. */
  readonly opens: () => void;
  readonly proceed: () => void;
  readonly say: (prompt: Prompt) => void;
  readonly turnEnded: (end: TurnEnd) => void;
  readonly settled: () => void;
  readonly died: (death: Death) => void;
  readonly finish: (ending: Ending) => void;
}

export function sessionParts(request: StartRequest, deps: SessionDeps, hooks: SessionHooks): SessionParts {
  const { session_id: sessionId, epoch, role } = request;
  const recent = new RecentItems();
  const transcript = new Transcript((items) => {
    const shown = items.map((item) => ({ ...item, data: deps.redactor.hide(item.data) }));
    recent.add(deps.sender.items(sessionId, epoch, shown));
  });
  const usage = UsageMeter.of(request, deps.slots.read(request.agent.id));
  const settles = new Settles(request, deps, hooks.settled);
  const asks = new PermissionAsks({ request, deps, transcript });
  const turns: Turns = new Turns({
    transcript,
    usage,
    permission: () => request.settings.permission,
    ask: (asked, signal) => asks.ask(asked, signal),
    quietMs: deps.timing.quietMs,
    cancelMs: deps.timing.cancelMs,
    onBegin: (prompt) => nudges.begun(prompt),
    onAnswer: () => model.answered(),
    onEnd: (end) => {
      const refusal = asks.afterTurn(end);
      if (refusal !== null) turns.add(refusal, true);
      hooks.turnEnded(end);
    },
  });
  const place: Place = new Place({
    request,
    deps,
    transcript,
    usage,
    handlers: turns,
    signal: hooks.signal,
    onDirectories: (ready) => {
      settles.ready(ready);
      hooks.opens();
    },
    onDeath: hooks.died,
    readBack: (settling) => settles.readBack(settling, hooks.signal),
    isWorking: hooks.isBusy,
  });
  const model = new ModelAccess({
    request,
    deps,
    turns,
    transcript,
    runtime: () => place.conversation?.opened.runtime,
    onPatienceOver: hooks.finish,
  });
  const mayTalk = (): boolean => !hooks.isEnding() && !settles.running && model.wait === null;
  const nudges = new Nudges({
    request,
    deps,
    turns,
    mayShow: () => place.conversation !== null && mayTalk(),
    proceed: hooks.proceed,
  });
  const reminder = new Reminder({
    sessionId,
    pulse: deps.pulse,
    signal: hooks.signal,
    idleMs: () => request.settings.turn_idle_minutes * deps.timing.minuteMs,
    isAtRest: () => hooks.isAtRest() && turns.waiting === 0,
    onAsk: () => hooks.say({ text: askToFinish(role), source: "continue", messageId: null }),
    onIdle: () => hooks.finish(endings.leftIdle),
  });
  return { transcript, recent, usage, settles, turns, nudges, place, reminder, model, asks };
}
