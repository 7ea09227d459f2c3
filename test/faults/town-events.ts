/** What happened in a town so far, and waiting for what has not: by its long poll, never by time. */
import { feedEntry, type FeedEntry } from "@gastown/protocol";
import type { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";

const eventsAnswer = listOf(feedEntry);
const POLL_SECONDS = 25;
/** Far beyond what anything takes in a test; a wait that ends so tells the town's story. */
export const LIMIT_MS = 300_000;

export abstract class TownEvents {
  abstract get townPath(): string;
  /** How long one wait may last. */
  abstract readonly limitMs: number;
  abstract api(signal?: AbortSignal): ApiClient;

  /** The history from its beginning, page by page, then what is new, until the reader has enough. */
  async *#news(api: ApiClient): AsyncGenerator<FeedEntry[], void, void> {
    for (let after = 0; ;) {
      const query = { after, limit: 200, wait: POLL_SECONDS };
      const { items } = await api.get(eventsAnswer, `${this.townPath}/events`, query);
      yield items;
      after = items.at(-1)?.seq ?? after;
    }
  }

  /** The first events like this, as soon as there are so many. */
  async seen(what: string, isIt: (entry: FeedEntry) => boolean, times = 1): Promise<FeedEntry[]> {
    const found: FeedEntry[] = [];
    return this.#within(what, async (api) => {
      for await (const items of this.#news(api)) {
        found.push(...items.filter(isIt));
        if (found.length >= times) break;
      }
      return found.slice(0, times);
    });
  }

  /** What `read` gives, asked now and after everything that happens. */
  async until<T>(what: string, read: () => Promise<T | undefined>): Promise<T> {
    return this.#within(what, async (api) => {
      for await (const _items of this.#news(api)) {
        const value = await read();
        if (value !== undefined) return value;
      }
      throw new Error("unreachable");
    });
  }

  async #within<T>(what: string, work: (api: ApiClient) => Promise<T>): Promise<T> {
    try {
      return await work(this.api(AbortSignal.timeout(this.limitMs)));
    } catch (error) {
      throw new Error(`Waiting for ${what}: ${String(error)}\n${await this.story()}`, { cause: error });
    }
  }

  /** Every event so far. */
  async events(): Promise<FeedEntry[]> {
    const all: FeedEntry[] = [];
    for (let after = 0; ;) {
      const query = { after, limit: 200 };
      const { items } = await this.api().get(eventsAnswer, `${this.townPath}/events`, query);
      if (items.length === 0) return all;
      all.push(...items);
      after = items.at(-1)?.seq ?? after;
    }
  }

  /** What happened, for a person who has to find out why a test failed. */
  async story(): Promise<string> {
    try {
      return (await this.events()).map(({ at, kind, text }) => `${at} ${kind} ${text}`).join("\n");
    } catch (error) {
      return `(and its story cannot be read: ${String(error)})`;
    }
  }
}
