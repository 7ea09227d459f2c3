/** Delivery against a small server that fails on request. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Facts } from "../testing/wait-for.ts";
import { Outbox } from "./outbox.ts";
import { Sender } from "./sender.ts";
import { TownClient } from "./town-client.ts";

interface Answer {
  status: number;
  body?: unknown;
}

let dir: string;
let server: Server;
let outbox: Outbox;
let town: TownClient;
let sender: Sender;
let fenced: number;
let answerOf: (path: string, body: string) => Answer;
const S1 = `sess_${"1".repeat(26)}`;
const S2 = `sess_${"2".repeat(26)}`;
const facts = new Facts();
const arrived: string[] = [];

const eventsBody = z.object({
  batches: z.array(
    z.object({
      session_id: z.string(),
      items: z.array(z.object({ seq: z.number(), data: z.object({ text: z.string() }) })),
    }),
  ),
});

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "gastown-sender-"));
  arrived.length = 0;
  fenced = 0;
  answerOf = () => ({ status: 200 });
  server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  outbox = new Outbox(join(dir, "outbox.db"));
  town = new TownClient(`http://127.0.0.1:${port}`, "town_1", () => {
    fenced += 1;
    facts.changed();
  });
  sender = new Sender(outbox, town, () => undefined);
});
afterEach(async () => {
  sender.stop();
  outbox.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(dir, { recursive: true, force: true });
});

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "").replace("/api/towns/town_1/", "");
  const body = await text(request);
  const answered = answerOf(path, body);
  const answer = answered.body ?? (path === "runner/events" ? acceptAll(body) : {});
  if (answered.status === 200) arrived.push(path === "runner/events" ? textsOf(body) : `${path} ${body}`);
  response.writeHead(answered.status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  facts.changed();
}

function acceptAll(body: string): unknown {
  const { batches } = eventsBody.parse(JSON.parse(body));
  return {
    accepted: batches.map(({ session_id, items }) => ({ session_id, seq_to: items.at(-1)?.seq ?? 0 })),
    fenced: [],
  };
}

function textsOf(body: string): string {
  return eventsBody
    .parse(JSON.parse(body))
    .batches.map(({ items }) => items.map(({ data }) => data.text).join(""))
    .join("|");
}

const item = (what: string) => ({ at: 1, type: "notice" as const, data: { text: what } });
const error = (code: string, status: number): Answer => ({
  status,
  body: { error: { code, message: "no" } },
});

describe("the sender", () => {
  it("waits for the registration, then delivers in order", async () => {
    sender.session(S1, "settle", { n: 1 });
    sender.session(S1, "turn", { n: 2 });
    sender.effect("e1", { n: 3 });
    town.useToken("token");
    expect(await sender.flush(60_000)).toBe(true);
    expect(arrived.filter((one) => one.startsWith("sessions"))).toEqual([
      `sessions/${S1}/settle {"n":1}`,
      `sessions/${S1}/turn {"n":2}`,
    ]);
    expect(arrived).toContain('runner/effects/e1/settle {"n":3}');
  });

  it("sends of a start's phases the one under way and the latest", async () => {
    sender.session(S1, "turn", { n: 0 });
    for (const phase of ["repository", "process"]) sender.status(S1, { phase });
    town.useToken("token");
    await facts.until("the first status", () => arrived.length === 2);
    for (const phase of ["handshake", "tools", "first_turn"]) sender.status(S1, { phase });
    sender.session(S1, "turn", { n: 1 });
    expect(await sender.flush(60_000)).toBe(true);
    const phases = arrived.map((one) => /"phase":"(\w+)"/.exec(one)?.[1]);
    expect(phases[1]).toBe("process");
    expect(phases.slice(-2)).toEqual(["first_turn", undefined]);
    expect(phases).not.toContain("repository");
  });

  it("repeats what failed before anything later of that lane, and does not hold up others", async () => {
    town.useToken("token");
    let failures = 2;
    answerOf = (path) =>
      path.startsWith(`sessions/${S1}`) && failures-- > 0 ? { status: 503 } : { status: 200 };
    sender.session(S1, "settle", { n: 1 });
    sender.session(S1, "turn", { n: 2 });
    sender.session(S2, "turn", { n: 3 });
    await facts.until("all", () => arrived.length === 3);
    expect(arrived).toEqual([
      `sessions/${S2}/turn {"n":3}`,
      `sessions/${S1}/settle {"n":1}`,
      `sessions/${S1}/turn {"n":2}`,
    ]);
  });

  it("forgets what the town refuses for good", async () => {
    town.useToken("token");
    answerOf = (path) => (path.endsWith("settle") ? error("session_fenced", 409) : { status: 200 });
    sender.session(S1, "settle", { n: 1 });
    sender.session(S1, "turn", { n: 2 });
    expect(await sender.flush(60_000)).toBe(true);
    expect(arrived).toEqual([`sessions/${S1}/turn {"n":2}`]);
    expect(fenced).toBe(0);
  });

  it("tells when a newer runner has taken over", async () => {
    town.useToken("token");
    answerOf = () => error("runner_fenced", 409);
    sender.session(S1, "settle", { n: 1 });
    await facts.until("fencing", () => fenced > 0);
  });

  it("sends the end of a session after its transcript, even when that fails first", async () => {
    town.useToken("token");
    let failures = 1;
    answerOf = (path) => (path === "runner/events" && failures-- > 0 ? { status: 500 } : { status: 200 });
    sender.items(S1, 5, [item("a"), item("b")]);
    sender.ended(S1, { n: 1 });
    sender.items(S2, 5, [item("c")]);
    await facts.until("the end", () => arrived.some((one) => one.startsWith(`sessions/${S1}/ended`)));
    expect(arrived.indexOf("ab|c")).toBeLessThan(arrived.indexOf(`sessions/${S1}/ended {"n":1}`));
    expect(arrived.join()).toContain("ab");
  });

  it("drops the items of fenced sessions and keeps the others", async () => {
    sender.items(S1, 5, [item("a")]);
    sender.items(S2, 5, [item("b")]);
    let first = true;
    answerOf = (path) => {
      if (path !== "runner/events" || !first) return { status: 200 };
      first = false;
      return { status: 200, body: { accepted: [{ session_id: S2, seq_to: 0 }], fenced: [S1] } };
    };
    town.useToken("token");
    expect(await sender.flush(60_000)).toBe(true);
    expect(arrived).toEqual(["a|b", "b"]);
  });

  it("is not stopped for ever by a batch that is refused", async () => {
    town.useToken("token");
    answerOf = (path, body) =>
      path === "runner/events" && body.includes("bad") ? error("validation_failed", 400) : { status: 200 };
    sender.items(S1, 5, [item("bad")]);
    sender.items(S1, 5, [item("good")]);
    sender.items(S1, 5, [item("better")]);
    sender.ended(S1, { n: 1 });
    expect(await sender.flush(60_000)).toBe(true);
    expect(arrived.at(-1)).toBe(`sessions/${S1}/ended {"n":1}`);
  });

  it("loses nothing to an answer that it does not understand", async () => {
    town.useToken("token");
    let strange = true;
    answerOf = (path) => {
      if (path !== "runner/events" || !strange) return { status: 200 };
      strange = false;
      return { status: 200, body: { what: "is this" } };
    };
    sender.items(S1, 5, [item("a")]);
    await facts.until("both tries", () => arrived.length === 2);
    expect(arrived).toEqual(["a", "a"]);
  });

  it("gives up flushing after its time", async () => {
    town.useToken("token");
    answerOf = () => ({ status: 503 });
    sender.session(S1, "settle", { n: 1 });
    expect(await sender.flush(50)).toBe(false);
    expect(outbox.empty).toBe(false);
  });
});
