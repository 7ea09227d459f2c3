/** The live feed (spec/api.md §5, §8.8, §8.13). */
import { CLOSE_CODES, liveFrame, type LiveFrame } from "@gastown/protocol";
import type { UpgradeWebSocket, WSEvents } from "hono/ws";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { createServer, newPeerState, type Peer } from "../index.ts";
import { agentOf } from "../testing/agent.ts";
import { BASE, TOWN, USER, townsOn, working, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

const T = `/api/towns/${TOWN}`;

interface TestPeer extends Peer {
  frames: LiveFrame[];
  closed: { code: number; reason: string } | null;
  waiting: number;
  /** Resolves when that holds, asked after every frame. */
  until(holds: () => boolean): Promise<void>;
}

function peer(): TestPeer {
  let sent = Promise.withResolvers<void>();
  const made: TestPeer = {
    until: async (holds) => {
      while (!holds()) await sent.promise;
    },
    frames: [],
    closed: null,
    waiting: 0,
    state: newPeerState(TOWN, "user_local"),
    send: (text) => {
      made.frames.push(liveFrame.parse(JSON.parse(text)));
      sent.resolve();
      sent = Promise.withResolvers<void>();
    },
    close: (code, reason) => void (made.closed = { code, reason }),
    buffered: () => made.waiting,
  };
  return made;
}
const types = ({ frames }: TestPeer): string[] => frames.map(({ type }) => type);
const sequence = ({ frames }: TestPeer): number[] =>
  frames.flatMap((frame) => (frame.type === "event" ? [frame.entry.seq] : []));
const connect = (host: TownHost, after: number | null = null): TestPeer => {
  const made = peer();
  host.actor.feed.open(made, after);
  return made;
};
const pause = (host: TownHost): Promise<unknown> => host.ask("POST", `${T}/pause`, {});
const newest = (host: TownHost): number => host.actor.read((town) => town.newestSeq());
/** After the tick that everything until now has scheduled: it runs in an earlier microtask. */
const told = (host: TownHost): Promise<true> => host.until(() => true);

const LOG = "log_01M3250V0000000000000000AA";

/** A log at the runner that a test goes on writing. */
function written(host: TownHost): { add(text: string): void; end(): void } {
  let give: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      give = controller;
    },
  });
  host.answers.set(`GET /logs/${LOG}`, () => new Response(body));
  return { add: (text) => give?.enqueue(new TextEncoder().encode(text)), end: () => give?.close() };
}

/** The page's next frame that was not looked at yet and is about the log. */
async function logFrame(page: TestPeer, at: number): Promise<LiveFrame | undefined> {
  const found = (): LiveFrame | undefined =>
    page.frames.filter(({ type }) => type === "log" || type === "refused")[at];
  await page.until(() => found() !== undefined);
  return found();
}

describe("the topic of a log", () => {
  const topic = `log:${LOG}`;
  const subscribe = (host: TownHost, page: TestPeer, after?: number): void =>
    host.actor.feed.message(page, JSON.stringify({ type: "subscribe", topic, after }));

  it("gives its lines from where the page is, then what is added, and says when that is all", () =>
    withTown(async (host) => {
      await host.register();
      const log = written(host);
      log.add("one\ntwo\n3");
      const page = connect(host);
      subscribe(host, page, 1);
      expect(await logFrame(page, 0)).toEqual({ type: "log", topic, from: 1, lines: ["two"], done: false });
      log.add("33\n4");
      expect(await logFrame(page, 1)).toEqual({ type: "log", topic, from: 2, lines: ["333"], done: false });
      log.add("44");
      log.end();
      expect(await logFrame(page, 2)).toEqual({ type: "log", topic, from: 3, lines: ["444"], done: true });
    }));

  it("ends with its page, and is refused where nobody has the log", () =>
    withTown(async (host) => {
      const page = connect(host);
      subscribe(host, page);
      expect(await logFrame(page, 0)).toEqual({ type: "refused", topic, code: "runner_unavailable" });
      await host.register();
      const gone = { code: "not_found", message: "This log is not on this machine (any more)." };
      host.answers.set(`GET /logs/${LOG}`, () => Response.json({ error: gone }, { status: 404 }));
      subscribe(host, page);
      expect(await logFrame(page, 1)).toEqual({ type: "refused", topic, code: "not_found" });
      host.actor.feed.message(page, JSON.stringify({ type: "subscribe", topic: "log:log_1" }));
      expect(await logFrame(page, 2)).toEqual({ type: "refused", topic: "log:log_1", code: "not_found" });

      const log = written(host);
      subscribe(host, page);
      host.actor.feed.closed(page);
      const other = connect(host);
      log.add("one\n");
      await told(host);
      expect(page.frames.filter(({ type }) => type === "log")).toEqual([]);
      expect(other.frames.filter(({ type }) => type === "log")).toEqual([]);
    }));
});

describe("a connection", () => {
  it("is greeted, given a snapshot, and then every event in order", () =>
    withTown(async (host) => {
      await told(host);
      const seq = newest(host);
      const page = connect(host);
      expect(types(page)).toEqual(["hello", "snapshot"]);
      expect(page.frames[0]).toMatchObject({ seq, resumed: false, version: "0.0.0-test" });
      await pause(host);
      await host.ask("POST", `${T}/resume`);
      expect(sequence(page)).toEqual([seq + 1, seq + 2]);
      expect(types(page)).toContain("status");
    }));

  it("resumes at any event with exactly what it has missed", () =>
    withTown(async (host) => {
      await told(host);
      const stayed = connect(host);
      const start = newest(host);
      await working(host, await host.readyRig());
      for (let i = 0; i < 3; i++) await pause(host);
      const all = sequence(stayed);
      expect(all).toEqual(Array.from({ length: newest(host) - start }, (_, i) => start + 1 + i));
      for (let left = start; left <= newest(host); left++) {
        const back = connect(host, left);
        expect(back.frames[0]).toMatchObject({ type: "hello", resumed: true });
        expect(types(back)).not.toContain("snapshot");
        expect(sequence(back)).toEqual(all.filter((seq) => seq > left));
        host.actor.feed.closed(back);
      }
    }));

  it("begins anew where its place is not kept or never was", () =>
    withTown(async (host) => {
      await told(host);
      const page = connect(host, newest(host) + 10);
      expect(types(page)).toEqual(["hello", "resync", "snapshot"]);
      expect(page.frames[0]).toMatchObject({ resumed: false });
    }));

  it("sends no status more often than every 500 ms, and arms no timer by being open", () =>
    withTown(async (host) => {
      await told(host);
      host.ports.clock.advance(1_000);
      await told(host);
      const before = host.ports.clock.pending;
      const page = connect(host);
      expect(host.ports.clock.pending).toBe(before);
      for (let i = 0; i < 5; i++) await pause(host);
      const statuses = () => types(page).filter((type) => type === "status").length;
      expect(statuses()).toBe(1);
      host.ports.clock.advance(500);
      expect(statuses()).toBe(2);
      const last = page.frames.findLast((frame) => frame.type === "status");
      expect(last).toMatchObject({ status: { seq: newest(host) } });
    }));

  it("answers a ping, and ends for anything else that it does not know", () =>
    withTown(async (host) => {
      for (const text of [
        "ping",
        "{}",
        '{"type":"subscribe"}',
        '{"type":"ping","x":1}',
        `{"type":"ping"${" ".repeat(2_000)}}`,
      ]) {
        const page = connect(host);
        host.actor.feed.message(page, '{"type":"ping"}');
        expect(types(page).at(-1)).toBe("pong");
        host.actor.feed.message(page, text);
        expect(page.closed?.code).toBe(CLOSE_CODES.protocolError);
        expect(host.actor.feed.size).toBe(0);
      }
    }));

  it("that is too slow or broken is dropped, and others go on", () =>
    withTown(async (host) => {
      await told(host);
      const slow = connect(host);
      const broken = connect(host);
      const fine = connect(host);
      slow.waiting = 2_000_000;
      broken.send = () => {
        throw new Error("gone");
      };
      await pause(host);
      expect(slow.closed?.code).toBe(CLOSE_CODES.tooSlow);
      expect(broken.closed?.code).toBe(CLOSE_CODES.goingAway);
      expect(sequence(fine)).toEqual([newest(host)]);
      expect(host.actor.feed.size).toBe(1);
    }));

  it("is told to come back when the host goes", () =>
    withTown(async (host) => {
      const page = connect(host);
      await host.actor.close();
      expect(page.closed?.code).toBe(CLOSE_CODES.goingAway);
    }));
});

describe("topics", () => {
  const send = (host: TownHost, sessionId: string, epoch: number, from: number, count: number) =>
    host.report("/runner/events", {
      batches: [
        {
          session_id: sessionId,
          epoch,
          items: Array.from({ length: count }, (_, i) => ({
            seq: from + i,
            at: 1,
            type: "notice",
            data: {},
          })),
        },
      ],
    });
  const items = ({ frames }: TestPeer): number[] =>
    frames.flatMap((frame) => (frame.type === "transcript" ? [frame.item.seq] : []));

  it("of a session give its history after a cursor, then what comes", () =>
    withTown(async (host) => {
      const { sessionId, epoch } = await working(host, await host.readyRig());
      await send(host, sessionId, epoch, 1, 600);
      const page = connect(host);
      const topic = `session:${sessionId}`;
      host.actor.feed.message(page, JSON.stringify({ type: "subscribe", topic, after: 2 }));
      expect(items(page)).toEqual(Array.from({ length: 598 }, (_, i) => i + 3));
      await send(host, sessionId, epoch, 600, 2);
      expect(items(page).slice(-2)).toEqual([600, 601]);
      host.actor.feed.message(page, JSON.stringify({ type: "unsubscribe", topic }));
      await send(host, sessionId, epoch, 602, 1);
      expect(items(page).at(-1)).toBe(601);
    }));

  it("that are not of this town are refused", () =>
    withTown((host) => {
      const page = connect(host);
      for (const topic of ["session:sess_00000000000000000000000077", "log:log_1", "other"]) {
        host.actor.feed.message(page, JSON.stringify({ type: "subscribe", topic }));
        expect(page.frames.at(-1)).toEqual({ type: "refused", topic, code: "not_found" });
      }
      return Promise.resolve();
    }));

  it("show an agent's status at once", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const page = connect(host);
      await agentOf(host, worker).call("gt_status", { message: "reading" });
      expect(page.frames).toContainEqual(
        expect.objectContaining({ type: "agent_status", sessionId: worker.sessionId, text: "reading" }),
      );
    }));
});

describe("tickets", () => {
  const issue = async (host: TownHost): Promise<string> => {
    const { status, body } = await host.ask("POST", `${T}/tickets`);
    expect(status).toBe(201);
    expect(body["url"]).toBe(`${T}/live?ticket=${String(body["ticket"])}`);
    return String(body["ticket"]);
  };
  const upgrade = (host: TownHost, ticket: string, town = TOWN) =>
    host.ask("GET", `/api/towns/${town}/live?ticket=${ticket}`, undefined, { upgrade: "websocket" });

  it("are needed, count once and for 60 s", () =>
    withTown(async (host) => {
      const refused = { status: 401, body: { error: { code: "ticket_invalid" } } };
      expect(await upgrade(host, "")).toMatchObject(refused);
      expect(await upgrade(host, "wrong")).toMatchObject(refused);
      expect(await upgrade(host, await issue(host), "town_00000000000000000000000077")).toMatchObject(
        refused,
      );

      const ticket = await issue(host);
      const both = await Promise.all([upgrade(host, ticket), upgrade(host, ticket)]);
      expect(new Set(both.map(({ status }) => status))).toEqual(new Set([401, 426]));
      expect(await upgrade(host, ticket)).toMatchObject(refused);

      const [last, late] = [await issue(host), await issue(host)];
      host.ports.clock.time += 60_000;
      expect((await upgrade(host, last)).status).toBe(426);
      host.ports.clock.time += 1;
      expect(await upgrade(host, late)).toMatchObject(refused);
    }));

  it("are at most a hundred for one person: the oldest goes", () =>
    withTown(async (host) => {
      const first = await host.actor.tickets.issue("u");
      const second = await host.actor.tickets.issue("u");
      for (let i = 0; i < 99; i++) await host.actor.tickets.issue("u");
      expect(await host.actor.tickets.consume(first.ticket)).toBeUndefined();
      expect(await host.actor.tickets.consume(second.ticket)).toBe("u");
    }));

  it("open the host's socket, which then is a page of the town", () =>
    withTown(async (host) => {
      let events: WSEvents = {};
      const upgradeWebSocket = ((_c: unknown, made: WSEvents) => {
        events = made;
        return Promise.resolve(new Response("upgraded"));
      }) as unknown as UpgradeWebSocket;
      const { app } = createServer({ ...host.ports, upgradeWebSocket });
      const answer = await app.request(`${BASE}${T}/live?ticket=${await issue(host)}`, {
        headers: { ...USER, upgrade: "websocket" },
      });
      expect(await answer.text()).toBe("upgraded");
      const sent: string[] = [];
      const socket = {
        send: (text: string) => void sent.push(text),
        close: () => {},
      } as unknown as Parameters<NonNullable<WSEvents["onOpen"]>>[1];
      events.onOpen?.(new Event("open"), socket);
      expect(sent.map((text) => (JSON.parse(text) as LiveFrame).type)).toEqual(["hello", "snapshot"]);
      events.onMessage?.(new MessageEvent("message", { data: '{"type":"ping"}' }), socket);
      expect(sent.at(-1)).toBe('{"type":"pong"}');
      events.onClose?.(new Event("close") as CloseEvent, socket);
      expect(host.actor.feed.size).toBe(0);
    }));
});
