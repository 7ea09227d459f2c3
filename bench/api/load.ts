/** Requests to a server, each answered in full. */
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

export interface Server {
  readonly url: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

const CONNECTIONS = 64;
/** Callers that each send the next request when theirs was answered. */
const CALLERS = 8;

/**
 * Sends at a steady rate, however long answers take: waiting callers of a slow server would hide how slow it is.
 * @returns how long each took (ms) from the moment at which it was due, in the order of sending
 */
export async function atRate(
  server: Server,
  pathOf: (n: number) => string,
  perSecond: number,
  seconds: number,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const began = performance.now();
  const taken: Promise<number>[] = [];
  try {
    for (let n = 0; n < perSecond * seconds; n++) {
      const due = began + (n * 1_000) / perSecond;
      const wait = due - performance.now();
      // The load's own clock: nothing is waited for here.
      if (wait > 0) await pause(wait, undefined, { signal: server.signal });
      taken.push(answered(server, agent, pathOf(n)).then(() => performance.now() - due));
    }
    return await Promise.all(taken);
  } finally {
    agent.destroy();
  }
}

/** @returns how many a second get through when a few callers ask one after the other */
export async function atMost(
  server: Server,
  pathOf: (n: number) => string,
  seconds: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  const began = performance.now();
  let sent = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1_000) await answered(server, agent, pathOf(sent++));
  };
  try {
    await Promise.all(Array.from({ length: CALLERS }, caller));
    return (1_000 * sent) / (performance.now() - began);
  } finally {
    agent.destroy();
  }
}

function answered({ url, token, signal }: Server, agent: Agent, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { authorization: `Bearer ${token ?? ""}` };
  const sent = request(new URL(path, url), { agent, headers, signal }, (answer) => {
    answer.on("error", reject).on("end", () => {
      if (answer.statusCode === 200) resolve();
      else reject(new Error(`${path} was answered with ${answer.statusCode ?? 0}`));
    });
    answer.resume();
  });
  sent.on("error", reject).end();
  return promise;
}
