/** Many pages that watch one town. */
import { LIVE_PROTOCOL } from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "../../apps/node/src/cli/client.ts";

const ticketAnswer = z.object({ url: z.string() });
/** How many connect at once: each needs a ticket first, and of these there are at most 100. */
const AT_ONCE = 50;
/** Every change is told as an event, whatever it is; other frames come now and then. */
const EVENT = '{"type":"event"';

export class Watchers {
  readonly #sockets: WebSocket[] = [];
  #heard: () => void = () => {};

  /** So many, each greeted and brought up to date. */
  static async open(api: ApiClient, townId: string, count: number): Promise<Watchers> {
    const watchers = new Watchers();
    for (let n = 0; n < count; n += AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, count - n) }, () => watchers.#connect(api, townId)),
      );
    return watchers;
  }

  async #connect(api: ApiClient, townId: string): Promise<void> {
    const { url } = await api.post(ticketAnswer, `/api/towns/${townId}/tickets`);
    const address = new URL(url, api.url);
    address.protocol = "ws:";
    const socket = new WebSocket(address, LIVE_PROTOCOL);
    this.#sockets.push(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.addEventListener("error", () => reject(new Error("A page could not connect.")));
    socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      if (text.startsWith('{"type":"snapshot"')) resolve();
      else if (text.startsWith(EVENT)) this.#heard();
    });
    await promise;
  }

  /** Makes one change, and waits until the last of them has heard of it; how long that took (ms). */
  async timeOf(change: () => Promise<unknown>): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = this.#sockets.length;
    this.#heard = () => {
      left--;
      if (left === 0) resolve();
    };
    const began = performance.now();
    await Promise.all([change(), promise]);
    return performance.now() - began;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
