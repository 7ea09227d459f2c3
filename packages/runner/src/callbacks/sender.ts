/**
 * Delivers the outbox (spec/runner.md §1): at least once, in order per lane, lanes side by side.
 * Transcript items have one request under way at a time, so their order needs no further care.
 */
import { eventsAnswer, RetryableError } from "@gastown/protocol";
import type { TranscriptItem } from "@gastown/protocol";
import type { z } from "zod";
import type { Log } from "../options.ts";
import type { ItemBatch, NewItem, Outbox, QueuedCall } from "./outbox.ts";
import { Pauses } from "./pauses.ts";
import { anyAnswer } from "./town-client.ts";
import type { TownClient } from "./town-client.ts";

const PARALLEL_LANES = 8;
type EventsAnswer = z.infer<typeof eventsAnswer>;

const EVENTS = "runner/events";

export class Sender {
  readonly #outbox: Outbox;
  readonly #town: TownClient;
  readonly #log: Log;
  /** Number of the call that is under way, by lane. */
  readonly #busy = new Map<string, number>();
  readonly #waiters = new Set<() => void>();
  #shipping = false;
  readonly #pauses = new Pauses();
  #stopped = false;

  constructor(outbox: Outbox, town: TownClient, log: Log) {
    this.#outbox = outbox;
    this.#town = town;
    this.#log = log;
    void town.registered.then(() => this.wake());
  }

  /** Queues one call of a session; it goes out after the earlier ones of that session. */
  session(
    sessionId: string,
    what: "settle" | "turn" | "saved" | "permission/withdraw" | `nudges/${string}/ack`,
    body: object,
  ): void {
    this.#add(sessionId, `sessions/${sessionId}/${what}`, body, null);
  }

  /** How far a start came: only the latest is of interest, so it replaces what still waits. */
  status(sessionId: string, body: object): void {
    if (this.#stopped) return;
    const path = `sessions/${sessionId}/status`;
    this.#outbox.supersede(sessionId, path, this.#busy.get(sessionId));
    this.#add(sessionId, path, body, null);
  }

  /** The last word about a session goes out when its transcript has. */
  ended(sessionId: string, body: object): void {
    this.#add(sessionId, `sessions/${sessionId}/ended`, body, sessionId);
  }

  effect(effectId: string, body: object): void {
    this.#add(effectId, `runner/effects/${effectId}/settle`, body, null);
  }

  /** @returns the items with their numbers; none after the end */
  items(sessionId: string, epoch: number, items: readonly NewItem[]): TranscriptItem[] {
    if (this.#stopped || items.length === 0) return [];
    const numbered = this.#outbox.addItems(sessionId, epoch, items);
    void this.#ship();
    return numbered;
  }

  /** Tries everything now, for instance because the town has just answered something. */
  wake(): void {
    if (this.#stopped) return;
    this.#pauses.clear();
    void this.#ship();
    this.#pump();
  }

  /** Resolves when everything is delivered, or with false after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<boolean> {
    this.wake();
    const deadline = performance.now() + timeoutMs;
    while (!this.#outbox.empty) {
      const left = deadline - performance.now();
      if (left <= 0 || this.#stopped) return false;
      await this.#change(left);
    }
    return true;
  }

  /** Nothing is sent after this; what is left stays on disk for the next instance. */
  stop(): void {
    this.#stopped = true;
    this.#pauses.clear();
    this.#changed();
  }

  #add(lane: string, path: string, body: object, after: string | null): void {
    if (this.#stopped) return;
    this.#outbox.add({ lane, path, body: JSON.stringify(body), after });
    this.#pump();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(() => finish(), timeoutMs);
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(finish);
        done();
      };
      this.#waiters.add(finish);
    });
  }

  #changed(): void {
    for (const waiter of this.#waiters) waiter();
  }

  #pump(): void {
    if (this.#stopped || this.#busy.size >= PARALLEL_LANES) return;
    for (const call of this.#outbox.heads()) {
      if (this.#busy.size >= PARALLEL_LANES) return;
      if (this.#busy.has(call.lane) || this.#pauses.has(call.lane)) continue;
      if (call.after !== null && this.#outbox.hasItems(call.after)) continue;
      this.#busy.set(call.lane, call.seq);
      void this.#deliver(call);
    }
  }

  async #deliver(call: QueuedCall): Promise<void> {
    try {
      await this.#town.registered;
      await this.#town.post(call.path, call.body, { answer: anyAnswer });
      this.#done(call);
    } catch (thrown) {
      if (thrown instanceof RetryableError) this.#later(call.lane, call.path, thrown);
      else {
        // The town has decided: it would say the same next time (a fenced epoch, a finished effect).
        this.#log("callback.refused", { path: call.path, message: String(thrown) });
        this.#done(call);
      }
    } finally {
      this.#busy.delete(call.lane);
      this.#changed();
      this.#pump();
    }
  }

  #done(call: QueuedCall): void {
    this.#pauses.succeeded(call.lane);
    if (!this.#stopped) this.#outbox.remove(call.seq);
  }

  #later(key: string, path: string, error: RetryableError): void {
    if (this.#stopped) return;
    const delay_ms = this.#pauses.begin(key, () => (key === EVENTS ? void this.#ship() : this.#pump()));
    this.#log("callback.delayed", { path, delay_ms, message: error.message });
  }

  async #ship(): Promise<void> {
    if (this.#shipping || this.#stopped || this.#pauses.has(EVENTS)) return;
    this.#shipping = true;
    await this.#town.registered;
    while (!this.#stopped && (await this.#tryShip()));
    this.#shipping = false;
    this.#changed();
    this.#pump();
  }

  /** Whether there may be more to send now. */
  async #tryShip(): Promise<boolean> {
    const batches = this.#outbox.nextItems();
    if (batches.length === 0) return false;
    try {
      const answer = await this.#town.post(EVENTS, eventsOf(batches), { answer: eventsAnswer });
      if (!this.#stopped) this.#forget(batches, answer);
      this.#pauses.succeeded(EVENTS);
      return true;
    } catch (thrown) {
      if (thrown instanceof RetryableError) {
        this.#later(EVENTS, EVENTS, thrown);
        return false;
      }
      // Refused for good: the same request would stand before every later one for ever.
      this.#log("callback.events_refused", { message: String(thrown) });
      if (!this.#stopped)
        for (const batch of batches) this.#outbox.removeItems(batch.sessionId, lastOf(batch));
      return true;
    }
  }

  /** @throws RetryableError when the answer accepts nothing of what was sent */
  #forget(batches: readonly ItemBatch[], answer: EventsAnswer): void {
    const accepted = new Map(answer.accepted.map(({ session_id, seq_to }) => [session_id, seq_to]));
    let progress = false;
    for (const batch of batches) {
      const { sessionId } = batch;
      const seqTo = accepted.get(sessionId);
      // A session that is in neither list would be sent for ever.
      if (answer.fenced.includes(sessionId) || seqTo === undefined) this.#outbox.dropItems(sessionId);
      else this.#outbox.removeItems(sessionId, seqTo);
      progress ||= seqTo === undefined || seqTo >= (batch.items[0]?.seq ?? 0);
    }
    if (!progress) throw new RetryableError("runner_unavailable", "The town stored none of the items.");
  }
}

function eventsOf(batches: readonly ItemBatch[]): string {
  return JSON.stringify({
    batches: batches.map(({ sessionId, epoch, items }) => ({ session_id: sessionId, epoch, items })),
  });
}

function lastOf({ items }: ItemBatch): number {
  return items.at(-1)?.seq ?? 0;
}
