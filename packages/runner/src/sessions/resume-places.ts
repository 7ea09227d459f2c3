import { Semaphore } from "../git/waiting.ts";
import { within } from "../wait.ts";
import type { Session } from "./session.ts";

/**
 * Places for the resumes of a boot, so that forty of them do not stop the machine and every fresh
 * start on it (spec/runner.md §2). First come first served. A resume that hangs keeps its place for
 * `patienceMs` only and goes on without one: it must not stand before the others for ever.
 */
export class ResumePlaces {
  readonly #places: Semaphore;
  readonly #patienceMs: number;

  constructor(places: number, patienceMs: number) {
    this.#places = new Semaphore(places);
    this.#patienceMs = patienceMs;
  }

  /**
   * Resolves when a session may begin: its directory is free, and it has a place until it is open.
   * @throws the session's reason when that ends before
   */
  async turn(free: Promise<unknown>, session: Pick<Session, "signal" | "opened">): Promise<void> {
    await free;
    const entered = Promise.withResolvers<void>();
    this.#places
      .run(session.signal, async () => {
        entered.resolve();
        await within(session.opened, this.#patienceMs);
      })
      .catch(entered.reject);
    return entered.promise;
  }
}
