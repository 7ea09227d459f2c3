/**
 * A runner without agents: it takes every start, and when all sessions are there it puts transcript
 * items into its outbox as fast as it can. Outbox, sender and HTTP client are the runner's own.
 * Its arguments: where to report, how many sessions, how many items in all.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setImmediate as breath } from "node:timers/promises";
import { setupRigRequest, startRequest, type StartRequest } from "@gastown/protocol";
import { runnerInput } from "../../apps/node/src/runner/runner-input.ts";
import { register } from "../../packages/runner/src/boot/register.ts";
import { Outbox } from "../../packages/runner/src/callbacks/outbox.ts";
import { Sender } from "../../packages/runner/src/callbacks/sender.ts";
import { anyAnswer, TownClient } from "../../packages/runner/src/callbacks/town-client.ts";
import { newId } from "../../packages/runner/src/ulid.ts";

/** As many as a busy agent's quarter of a second holds. */
const FLUSH_ITEMS = 25;
const FLUSH_LIMIT_MS = 120_000;
const [reportUrl = "", sessions = "1", items = "0"] = process.argv.slice(2);

const input = runnerInput.parse(JSON.parse(await text(process.stdin)));
const instance_id = newId("runner");
const log = (event: string, data: object): void => console.log(JSON.stringify({ event, ...data }));
const town = new TownClient(input.apiUrl, input.townId, () => process.exit(1));
const outbox = new Outbox(join(input.root, "outbox.db"));
const sender = new Sender(outbox, town, log);
const started = new Map<string, StartRequest>();

const server = createServer((request, response) => void answer(request, response));
server.listen(0, "127.0.0.1", () => void begin());

async function begin(): Promise<void> {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const control = { url: `http://127.0.0.1:${port}`, bearer: "b".repeat(43) };
  const request = { instance_id, version: input.version, pid: process.pid, control };
  const { token } = await register(town, request, input.bootSecret, log, new AbortController().signal);
  town.useFirstToken(token);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body: unknown = request.method === "POST" ? JSON.parse(await text(request)) : null;
  const [status, result] = route(request.url ?? "", body);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(result));
}

function route(path: string, body: unknown): [status: number, result: object] {
  if (path === "/repos/setup") return [202, setUp(body)];
  if (path === "/agents/start") return [202, start(startRequest.parse(body))];
  if (path === "/drain") setTimeout(() => process.exit(0), 100);
  return [path === "/drain" ? 202 : 404, { accepted: true }];
}

function setUp(body: unknown): object {
  const { effect_id, attempt } = setupRigRequest.parse(body);
  const result = { outcome: "rig_ready", default_branch: "main", head_sha: "0".repeat(40) };
  sender.effect(effect_id, { attempt, result });
  return { accepted: true };
}

function start(request: StartRequest): object {
  const { session_id, epoch } = request;
  const isNew = !started.has(session_id);
  started.set(session_id, request);
  if (isNew && started.size === Number(sessions)) void flood();
  return { session_id, epoch, state: "queued", position: 0 };
}

async function flood(): Promise<void> {
  await beat();
  const all = [...started.values()];
  const words = "What an agent says in a quarter of a second, more or less, and a bit more than that.";
  const began = performance.now();
  let stored = 0;
  while (stored < Number(items)) {
    for (const { session_id, epoch } of all) {
      const fresh = Array.from({ length: FLUSH_ITEMS }, (_, i) => ({
        at: Date.now(),
        type: "update" as const,
        data: {
          update: { sessionUpdate: "agent_message_chunk", content: { text: `${stored + i} ${words}` } },
        },
      }));
      sender.items(session_id, epoch, fresh);
      stored += FLUSH_ITEMS;
    }
    // As between the flushes of real sessions, what came from the network is looked at.
    await breath();
  }
  const storedMs = performance.now() - began;
  const delivered = await sender.flush(FLUSH_LIMIT_MS);
  const report = { stored, storedMs, ms: performance.now() - began, delivered };
  await fetch(reportUrl, { method: "POST", body: JSON.stringify(report) });
}

/** The town hears that all of them are at work. */
async function beat(): Promise<void> {
  const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: true };
  const shown = [...started.values()].map(({ session_id, epoch }) => ({
    session_id,
    epoch,
    state: "busy" as const,
    last_event_at: Date.now(),
    active_tools: [],
    prompted: true,
    usage,
  }));
  const body = JSON.stringify({ instance_id, draining: false, sessions: shown });
  await town.post("runner/heartbeat", body, { answer: anyAnswer });
}
