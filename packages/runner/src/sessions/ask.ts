/**
 * One question to a model, and its answer as text: a conversation of its own in a process without tools,
 * repository or permission, closed at its end (spec/review.md §4.3).
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SessionUpdate } from "@agentclientprotocol/sdk";
import type { AskRequest, EffectOutcome } from "@gastown/protocol";
import type { AcpAgent } from "../agents/acp-agent.ts";
import { launchSpec } from "../agents/launch-spec.ts";
import type { Lease } from "../agents/pool.ts";
import { resolveRuntime } from "../agents/resolve-runtime.ts";
import { abortable } from "../wait.ts";
import { setModel } from "./configure.ts";
import type { SessionDeps } from "./deps.ts";

/** How long an answer may take, a cold start of the agent included (minutes). */
const LIMIT_MINUTES = 3;
const MAX_ANSWER = 20_000;

const placeOf = (root: string): string => join(root, "questions");

/** What a runner that was killed left of its questions: the town asks them again. */
export function forgetQuestions(root: string): void {
  rmSync(placeOf(root), { recursive: true, force: true });
}

type AskDeps = Pick<SessionDeps, "options" | "timing" | "places" | "pool" | "redactor">;

/** @throws when the agent cannot be started, refuses, or does not answer in time */
export async function ask(request: AskRequest, deps: AskDeps, signal: AbortSignal): Promise<EffectOutcome> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MINUTES * deps.timing.minuteMs)]);
  const place = placeOf(deps.options.root);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const lease = acquire(request, deps, place);
  // A directory is an identity, also of one question: nobody else has its conversation.
  const cwd = mkdtempSync(join(place, "q-"));
  try {
    const dead = lease.process.dead.then(({ message }) => Promise.reject(new Error(message)));
    const answer = conversation(request, lease, cwd);
    dead.catch(() => undefined);
    answer.catch(() => undefined);
    const text = await abortable(Promise.race([answer, dead]), limited);
    return { outcome: "answered", text: deps.redactor.clean(text).slice(0, MAX_ANSWER) };
  } catch (thrown) {
    // Whatever it does now, the next question must not meet it.
    lease.retire();
    throw thrown;
  } finally {
    lease.release();
    rmSync(cwd, { recursive: true, force: true });
  }
}

function acquire(request: AskRequest, deps: AskDeps, cwd: string): Lease {
  const { hostEnv, townId, apiUrl } = deps.options;
  const resolved = resolveRuntime(request.runtime, deps.places);
  for (const name of request.secret_env ?? []) deps.redactor.add(request.env[name] ?? "");
  const spec = launchSpec({
    resolved,
    role: "triage",
    system: "",
    modes: [],
    model: request.model,
    smallModel: request.model,
    permission: "deny",
    townEnv: request.env,
    hostEnv,
    townId,
    apiUrl,
    shims: null,
    cwd,
  });
  return deps.pool.acquire(spec, {
    sessionsPerProcess: 1,
    idleMs: request.process_idle_minutes * deps.timing.minuteMs,
  });
}

async function conversation(request: AskRequest, lease: Lease, cwd: string): Promise<string> {
  const agent = await lease.process.agent;
  const { conversationId, options } = await agent.open(cwd, null);
  const { model } = request;
  if (model !== null && options.includes("model"))
    await setModel(agent, conversationId, request.runtime, model);
  const heard = listen(agent, conversationId);
  await agent.prompt(conversationId, request.prompt);
  await agent.close(conversationId);
  return heard();
}

/** What the agent says; everything that it asks for is refused. */
function listen(agent: AcpAgent, conversationId: string): () => string {
  let text = "";
  agent.bind(conversationId, {
    update: (update: SessionUpdate) => {
      if (update.sessionUpdate !== "agent_message_chunk" || update.content.type !== "text") return;
      if (text.length < MAX_ANSWER) text += update.content.text;
    },
    permission: () => Promise.resolve({ outcome: { outcome: "cancelled" } }),
  });
  return () => text;
}
