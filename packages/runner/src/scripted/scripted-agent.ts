/**
 * The built-in scripted agent: a real ACP agent over stdio that works without a model. It serves
 * many sessions in one process; what it does is in README.md. It imports little, because its
 * start-up time is paid by every demo and every test.
 */
import { readFileSync } from "node:fs";
import { Readable, Writable } from "node:stream";
import { agent, methods, ndJsonStream, PROTOCOL_VERSION, RequestError } from "@agentclientprotocol/sdk";
import type {
  AgentContext,
  McpServer,
  PromptResponse,
  SessionConfigOption,
  SessionUpdate,
} from "@agentclientprotocol/sdk";
import { Conversations, DEFAULT_MODEL } from "./conversations.ts";
import { McpClient } from "./mcp-client.ts";
import type { McpServer as ToolServer } from "./mcp-client.ts";
import { Misbehavior } from "./misbehavior.ts";
import { ModelPlay, ModelRefusal, ModelSilence } from "./model-play.ts";
import { planTurn } from "./plan.ts";
import { readPrime } from "./prime.ts";
import { answerQuestion } from "./question.ts";
import type { ParseScript, Step } from "./script.ts";
import { Turn } from "./turn.ts";
import type { Reporter } from "./turn.ts";

export interface ScriptedOptions {
  /** Reads a script; JSON alone by default, the executable adds YAML. */
  readonly parse?: ParseScript;
  /** File with the mayor's steps as JSON; `SCRIPTED_PLAYBOOK` of the environment by default. */
  readonly playbookFile?: string;
}

interface ScriptedSession {
  readonly id: string;
  readonly cwd: string;
  readonly mcp: McpClient | null;
  turns: number;
  model: string;
  running: AbortController | null;
}

const CONTEXT_SIZE = 200_000;
const TOOL_KINDS = ["read", "edit", "delete", "execute", "fetch", "other"] as const;

/** Runs until the other side closes stdin. Nothing but protocol goes to stdout. */
export async function runScriptedAgent(options: ScriptedOptions = {}): Promise<void> {
  const misbehavior = new Misbehavior(process.env["SCRIPTED_MISBEHAVIOR"]);
  const scripted = new ScriptedAgent(options, misbehavior);
  const stream = ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin));
  const connection = agent({ name: "gastown-scripted" })
    .onRequest(methods.agent.initialize, async () => {
      await misbehavior.onInitialize();
      return {
        protocolVersion: PROTOCOL_VERSION,
        agentInfo: { name: "gastown-scripted", version: "1" },
        agentCapabilities: { loadSession: true, mcpCapabilities: { http: true } },
      };
    })
    .onRequest(methods.agent.session.new, async ({ params }) => {
      const session = await scripted.open(null, params.cwd, params.mcpServers);
      return { sessionId: session.id, configOptions: scripted.options(session.model) };
    })
    .onRequest(methods.agent.session.load, async ({ params }) => {
      const session = await scripted.open(params.sessionId, params.cwd, params.mcpServers);
      return { configOptions: scripted.options(session.model) };
    })
    .onRequest(methods.agent.session.setConfigOption, ({ params }) => {
      return { configOptions: scripted.setOption(params.sessionId, params.configId, params.value) };
    })
    .onRequest(methods.agent.session.prompt, ({ params, client }) => {
      const text = params.prompt.map((block) => (block.type === "text" ? block.text : "")).join("\n");
      return scripted.prompt(params.sessionId, text, client);
    })
    .onNotification(methods.agent.session.cancel, ({ params }) => scripted.cancel(params.sessionId))
    .connect(stream);
  await connection.closed;
  scripted.close();
}

function toolServer(servers: readonly McpServer[]): ToolServer | null {
  for (const server of servers) {
    if (!("type" in server) || server.type !== "http") continue;
    return {
      url: server.url,
      headers: Object.fromEntries(server.headers.map(({ name, value }) => [name, value])),
    };
  }
  return null;
}

class ScriptedAgent {
  readonly #sessions = new Map<string, ScriptedSession>();
  readonly #parse: ParseScript;
  readonly #playbookFile: string | undefined;
  readonly #closed = new AbortController();
  readonly #misbehavior: Misbehavior;
  readonly #model = new ModelPlay();
  readonly #conversations = new Conversations(process.env["SCRIPTED_STORE"]);
  /** Named at launch: then it cannot be chosen any more. */
  readonly #fixedModel: string | null = fixedModel(process.argv);
  #opened = 0;

  constructor(options: ScriptedOptions, misbehavior: Misbehavior) {
    this.#misbehavior = misbehavior;
    this.#parse = options.parse ?? JSON.parse;
    this.#playbookFile = options.playbookFile ?? process.env["SCRIPTED_PLAYBOOK"];
  }

  /** A new session, or with an id an earlier one (of any process) with a new token. */
  async open(id: string | null, cwd: string, servers: readonly McpServer[]): Promise<ScriptedSession> {
    const server = await this.#misbehavior.toolServer(toolServer(servers));
    const known = id === null ? undefined : this.#sessions.get(id);
    const remembered = id === null ? { turns: 0, model: DEFAULT_MODEL } : this.#conversations.read(id);
    if (remembered === null) throw RequestError.internalError({ service: "session" }, "no such session");
    this.#opened += 1;
    const session = known ?? {
      id: id ?? `scripted-${process.pid}-${this.#opened}`,
      cwd,
      mcp: server === null ? null : new McpClient(server),
      turns: remembered.turns,
      model: this.#fixedModel ?? remembered.model,
      running: null,
    };
    // Another process may have gone on with it meanwhile: as with real agents, what is stored counts.
    if (known?.running === null && this.#conversations.areKept) Object.assign(known, remembered);
    if (server !== null) session.mcp?.use(server);
    this.#sessions.set(session.id, session);
    try {
      await session.mcp?.connect(this.#closed.signal);
    } catch (error) {
      // As real agents do: the session exists, its tools are missing, and the runner notices.
      process.stderr.write(`${session.id}: ${String(error)}\n`);
    }
    this.#conversations.write(session.id, session);
    return session;
  }

  options(model: string): SessionConfigOption[] {
    if (this.#fixedModel !== null) return [];
    const options = [{ value: model, name: model }];
    return [{ id: "model", name: "Model", category: "model", type: "select", currentValue: model, options }];
  }

  setOption(id: string, configId: string, value: string | boolean): SessionConfigOption[] {
    const session = this.#sessions.get(id);
    if (session === undefined || configId !== "model" || typeof value !== "string")
      throw RequestError.invalidParams({ configId }, "there is no such session or option");
    if (value.startsWith("unknown")) throw RequestError.invalidParams({ value }, `model not found: ${value}`);
    session.model = value;
    this.#conversations.write(id, session);
    return this.options(value);
  }

  async prompt(id: string, text: string, client: AgentContext): Promise<PromptResponse> {
    const session = this.#sessions.get(id);
    if (session === undefined)
      throw RequestError.invalidParams({ sessionId: id }, "there is no such session");
    if (session.running !== null) throw RequestError.invalidRequest(undefined, "a turn is running");
    const running = new AbortController();
    session.running = running;
    session.turns += 1;
    this.#conversations.write(id, session);
    const voice = new Voice(id, client);
    try {
      await this.#turn(session, text, voice, running.signal);
    } catch (error) {
      if (error instanceof ModelRefusal || error instanceof ModelSilence)
        return this.#withoutModel(session, error);
      if (!running.signal.aborted)
        voice.say(`I stop: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      session.running = null;
    }
    await voice.usage(text.length);
    return reply(running.signal.aborted ? "cancelled" : "end_turn", text.length, voice.written);
  }

  /** The same prompt again is the same turn again. */
  #withoutModel(session: ScriptedSession, error: ModelRefusal | ModelSilence): PromptResponse {
    session.turns -= 1;
    this.#conversations.write(session.id, session);
    if (error instanceof ModelRefusal)
      throw RequestError.internalError({ service: "session", errorName: "APIError" }, error.message);
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    return Object.assign({ stopReason: "end_turn" as const }, { usage });
  }

  cancel(id: string): void {
    this.#sessions.get(id)?.running?.abort(new Error("cancelled"));
  }

  close(): void {
    this.#closed.abort();
    for (const { running } of this.#sessions.values()) running?.abort(new Error("closed"));
  }

  async #turn(session: ScriptedSession, text: string, report: Voice, signal: AbortSignal): Promise<void> {
    const { mcp, cwd, turns: turn } = session;
    if (mcp === null) return report.say(answerQuestion(text));
    const answer = await mcp.call("gt_prime", {}, signal);
    if (answer.isError) throw new Error(`gt_prime was refused: ${answer.text}`);
    const prime = readPrime(answer.structured);
    const plan = planTurn({ prime, turn, text, parse: this.#parse, playbook: this.#playbook() });
    const modelError = (step: Step): Promise<void> => this.#model.meet(session.id, step, cwd, signal);
    const [first] = plan.steps;
    // Before a word is said, as with a real model.
    if (first?.kind === "model_error") await modelError(first);
    report.say(plan.intro);
    const env = { SCRIPTED_MODEL: session.model, SCRIPTED_TURN: String(turn) };
    const context = { cwd, mcp, prime, message: text, env, report, signal, modelError };
    await new Turn(context).perform(plan.steps, plan.autoDone);
  }

  #playbook(): unknown {
    return this.#playbookFile === undefined ? null : JSON.parse(readFileSync(this.#playbookFile, "utf8"));
  }
}

function fixedModel(argv: readonly string[]): string | null {
  const at = argv.indexOf("--model");
  return at === -1 ? null : (argv[at + 1] ?? null);
}

/** A token for every four characters, never none: zero would mean a failed model. */
function reply(stopReason: "end_turn" | "cancelled", read: number, written: number): PromptResponse {
  const inputTokens = Math.ceil((read + 1) / 4);
  const outputTokens = Math.ceil((written + 1) / 4);
  const usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  return Object.assign({ stopReason }, { usage });
}

/** What the agent says and does, as session updates. */
class Voice implements Reporter {
  readonly #sessionId: string;
  readonly #client: AgentContext;
  #calls = 0;
  written = 0;

  constructor(sessionId: string, client: AgentContext) {
    this.#sessionId = sessionId;
    this.#client = client;
  }

  /** Everything that it says is marked: a reader must never take it for a model. */
  say(text: string): void {
    this.written += text.length;
    const marked = `[scripted] ${text}${text.endsWith("\n") ? "" : "\n"}`;
    this.#update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: marked } });
  }

  toolStarted(title: string, input: unknown): string {
    this.#calls += 1;
    const toolCallId = `call-${process.pid}-${performance.now()}-${this.#calls}`;
    this.#update({
      sessionUpdate: "tool_call",
      toolCallId,
      title,
      kind: "execute",
      status: "in_progress",
      rawInput: input,
    });
    return toolCallId;
  }

  toolEnded(toolCallId: string, ok: boolean, output: string): void {
    const content =
      output === "" ? [] : [{ type: "content" as const, content: { type: "text" as const, text: output } }];
    this.#update({
      sessionUpdate: "tool_call_update",
      toolCallId,
      status: ok ? "completed" : "failed",
      content,
    });
  }

  async mayI(title: string, tool: string, signal: AbortSignal): Promise<boolean> {
    this.#calls += 1;
    const toolCallId = `ask-${process.pid}-${performance.now()}-${this.#calls}`;
    const kind = TOOL_KINDS.find((one) => one === tool) ?? "other";
    const asked = this.#client.request(methods.client.session.requestPermission, {
      sessionId: this.#sessionId,
      toolCall: { toolCallId, title, kind, status: "pending", rawInput: { command: title } },
      options: [
        { optionId: "once", name: "Allow once", kind: "allow_once" },
        { optionId: "reject", name: "Reject", kind: "reject_once" },
      ],
    });
    const { outcome } = await asked;
    return !signal.aborted && outcome.outcome === "selected" && outcome.optionId === "once";
  }

  async usage(read: number): Promise<void> {
    const used = Math.ceil((read + this.written) / 4);
    const update: SessionUpdate = {
      sessionUpdate: "usage_update",
      used,
      size: CONTEXT_SIZE,
      cost: { amount: 0, currency: "USD" },
    };
    await this.#client.notify(methods.client.session.update, { sessionId: this.#sessionId, update });
  }

  #update(update: SessionUpdate): void {
    this.#client
      .notify(methods.client.session.update, { sessionId: this.#sessionId, update })
      .catch(() => undefined);
  }
}
