/** What one scripted turn can do, step by step. The document of the steps is README.md. */
import type { PrimeContext } from "@gastown/protocol";
import { fieldOf, flagOf, numberOf, textOf } from "./arguments.ts";
import { append, fileExists, remove, write } from "./files.ts";
import { commitAll, mergeBoth } from "./git-steps.ts";
import { isObject } from "./mcp-client.ts";
import type { McpClient, ToolResult } from "./mcp-client.ts";
import type { Step } from "./script.ts";
import { run } from "./shell.ts";
import { fill, mentionsRig } from "./template.ts";

/** What a turn reports to the runner. */
export interface Reporter {
  say(text: string): void;
  toolStarted(title: string, input: unknown): string;
  toolEnded(id: string, ok: boolean, output: string): void;
  /** Asks whoever runs the agent; whether it is allowed. */
  mayI(title: string, tool: string, signal: AbortSignal): Promise<boolean>;
}

export interface TurnContext {
  readonly cwd: string;
  readonly mcp: McpClient;
  readonly prime: PrimeContext;
  /** What was prompted; `{{message}}` of the mayor's steps. */
  readonly message: string;
  /** For the commands of `run` steps: the model and the number of the turn. */
  readonly env: Readonly<Record<string, string>>;
  readonly report: Reporter;
  readonly signal: AbortSignal;
  /** Comes to a `model_error`; throws where the model does not answer. */
  readonly modelError: (step: Step) => Promise<void>;
}

/** The turn ends here and now, on purpose and without an outcome. */
class EndOfTurn extends Error {}

const DONE_REPEATS = 20;

export class Turn {
  readonly #context: TurnContext;
  #last: unknown = null;
  #rig: string | null = null;
  /** Whether an outcome was given. */
  #concluded = false;
  /** Whether the last step asked a person: then the answer is awaited, not the work handed over. */
  #asked = false;

  constructor(context: TurnContext) {
    this.#context = context;
  }

  /** @throws Error when a step fails: the rest is not done, and the turn ends without an outcome */
  async perform(steps: readonly Step[], autoDone: boolean): Promise<void> {
    try {
      for (const step of steps) {
        this.#context.signal.throwIfAborted();
        await this.#perform(await this.#filled(step));
      }
      if (autoDone && !this.#concluded && !this.#asked) await this.#done(this.#summary(), false);
    } catch (thrown) {
      if (!(thrown instanceof EndOfTurn)) throw thrown;
    }
  }

  #summary(): string {
    return `The scripted steps of "${this.#context.prime.bead?.title ?? "this work"}" are done.`;
  }

  /** The mayor's steps and calls of tools are templates: a polecat writes files that may hold braces. */
  async #filled(step: Step): Promise<Step> {
    if (this.#context.prime.role !== "mayor" && step.kind !== "call") return step;
    if (this.#rig === null && mentionsRig(step.args)) this.#rig = await this.#firstRig();
    const values = { message: this.#context.message, rig: this.#rig ?? "", last: this.#last };
    return { kind: step.kind, args: fill(step.args, values) };
  }

  async #perform(step: Step): Promise<void> {
    const { cwd, report, signal } = this.#context;
    this.#asked = false;
    switch (step.kind) {
      case "write":
        return this.#tool(`write ${textOf(step, "path")}`, () =>
          write(cwd, textOf(step, "path"), textOf(step, "content", "")),
        );
      case "append":
        return this.#tool(`append to ${textOf(step, "path")}`, () =>
          append(cwd, textOf(step, "path"), textOf(step, "content", "")),
        );
      case "delete":
        return this.#tool(`delete ${textOf(step, "path")}`, () => remove(cwd, textOf(step, "path")));
      case "run":
        return this.#run(textOf(step, "command"), flagOf(step, "allow_failure"));
      case "commit":
        return this.#tool("git commit", async () => {
          const message = textOf(step, "message", this.#summary());
          return (await commitAll(cwd, message, signal)) ? message : "nothing to commit";
        });
      case "merge_target":
        return this.#mergeTarget();
      case "wait":
        return this.#tool("wait", () => this.#wait(numberOf(step, "ms", 0)));
      case "wait_for":
        return this.#tool(`wait for ${textOf(step, "file")}`, () =>
          fileExists(cwd, textOf(step, "file"), signal),
        );
      case "say":
        return report.say(textOf(step, "text"));
      case "flood":
        return this.#flood(numberOf(step, "n", 1_000));
      default:
        return this.#converse(step);
    }
  }

  /** Steps that speak with the town, and those that misbehave. */
  async #converse(step: Step): Promise<void> {
    const { report } = this.#context;
    switch (step.kind) {
      case "call": {
        const args = fieldOf(step, "args");
        await this.#mustCall(textOf(step, "tool"), isObject(args) ? args : {});
        return undefined;
      }
      case "done":
        return this.#done(textOf(step, "summary", this.#summary()), flagOf(step, "no_changes"));
      case "approve":
        await this.#mustCall("gt_approve", {
          summary: textOf(step, "summary", "[scripted] approved by script"),
        });
        return this.#conclude();
      case "request_changes": {
        const files = fieldOf(step, "files");
        const feedback = textOf(step, "feedback", "[scripted] changes requested by script");
        await this.#mustCall("gt_request_changes", { feedback, ...(Array.isArray(files) ? { files } : {}) });
        return this.#conclude();
      }
      case "ask":
        await this.#mustCall("gt_escalate", {
          title: textOf(step, "title"),
          ...optional(step, ["body", "severity", "category"]),
        });
        this.#asked = true;
        return undefined;
      case "crash":
        return this.#crash(textOf(step, "how", "kill"));
      case "hang":
        // Not even a cancel ends it.
        return new Promise<never>(() => undefined);
      case "permission":
        // As with real agents: a refusal ends the turn, without a word to whoever plans.
        if (await report.mayI(textOf(step, "title"), textOf(step, "tool", "execute"), this.#context.signal))
          return;
        this.#context.signal.throwIfAborted();
        throw new EndOfTurn();
      case "model_error":
        return this.#context.modelError(step);
      case "no_commit":
        report.say("I am done (and have changed nothing).");
        return this.#done(this.#summary(), false);
      case "dirty":
        await write(
          this.#context.cwd,
          textOf(step, "path", "DIRTY.md"),
          textOf(step, "content", "left uncommitted\n"),
        );
        return this.#done(this.#summary(), false);
      case "lie":
        report.say(textOf(step, "text", "I am done, everything is committed and handed over."));
        throw new EndOfTurn();
      default:
        throw new Error(`there is no step "${step.kind}"`);
    }
  }

  #conclude(): void {
    this.#concluded = true;
  }

  async #tool(title: string, work: () => Promise<string | void>): Promise<void> {
    const { report, signal } = this.#context;
    const id = report.toolStarted(title, {});
    try {
      const output = await work();
      report.toolEnded(id, true, output ?? "");
    } catch (error) {
      report.toolEnded(id, false, error instanceof Error ? error.message : String(error));
      throw error;
    }
    signal.throwIfAborted();
  }

  async #run(command: string, allowFailure: boolean): Promise<void> {
    const { cwd, env, report, signal } = this.#context;
    const id = report.toolStarted(command, { command });
    const { code, output } = await run("bash", ["-c", command], cwd, signal, env);
    report.toolEnded(id, code === 0, output);
    signal.throwIfAborted();
    if (code !== 0 && !allowFailure)
      throw new Error(`"${command}" ended with ${String(code)}: ${output.slice(-500)}`);
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#context;
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        done();
      });
    });
  }

  async #mergeTarget(): Promise<void> {
    const { cwd, prime, signal } = this.#context;
    const target = prime.target ?? prime.rig?.default_branch ?? "main";
    await this.#tool(`merge ${target}`, () => mergeBoth(cwd, target, signal));
  }

  async #flood(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      this.#context.report.say(`flood ${i + 1} of ${count}\n`);
      // Lets the pipe drain and a cancel in between.
      if (i % 100 === 99) await new Promise((done) => setImmediate(done));
      this.#context.signal.throwIfAborted();
    }
  }

  #crash(how: string): Promise<never> {
    if (how === "exit") process.exit(3);
    process.kill(process.pid, "SIGKILL");
    return new Promise<never>(() => undefined);
  }

  async #firstRig(): Promise<string> {
    const { structured } = await this.#mustCall("gt_list_rigs", {});
    const lists = isObject(structured) ? Object.values(structured) : [structured];
    const first: unknown = lists.find(Array.isArray)?.[0];
    const id = isObject(first) ? (first["id"] ?? first["name"]) : undefined;
    if (typeof id !== "string") throw new Error("the town has no rig yet");
    return id;
  }

  /**
   * Hands the work over. An answer "still running" is asked again; a branch that moved is merged
   * and handed over once more. Any other refusal is said, and the turn ends without an outcome.
   */
  async #done(summary: string, noChanges: boolean): Promise<void> {
    const { cwd, prime, signal, report } = this.#context;
    this.#conclude();
    const args = { summary: `[scripted] ${summary}`, ...(noChanges ? { no_changes: true } : {}) };
    for (let i = 0; i < DONE_REPEATS; i += 1) {
      const result = await this.#call("gt_done", args);
      if (!result.isError) return;
      const code = codeOf(result);
      if (code === "timeout") continue;
      if ((code === "branch_moved" || code === "head_moved") && prime.branch !== null) {
        report.say(`The branch moved; I merge ${prime.branch} and try again.`);
        await mergeBoth(cwd, prime.branch, signal);
        continue;
      }
      report.say(`gt_done was refused: ${result.text}`);
      throw new EndOfTurn();
    }
  }

  async #mustCall(tool: string, args: Record<string, unknown>): Promise<ToolResult> {
    const result = await this.#call(tool, args);
    if (result.isError) throw new Error(`${tool} was refused: ${result.text}`);
    return result;
  }

  async #call(tool: string, args: Record<string, unknown>): Promise<ToolResult> {
    const { mcp, report, signal } = this.#context;
    const id = report.toolStarted(tool, args);
    try {
      const result = await mcp.call(tool, args, signal);
      report.toolEnded(id, !result.isError, result.text);
      if (result.structured !== undefined) this.#last = result.structured;
      return result;
    } catch (error) {
      report.toolEnded(id, false, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
}

function codeOf({ structured, text }: ToolResult): string {
  const error = isObject(structured) ? structured["error"] : undefined;
  const code = isObject(error) ? error["code"] : undefined;
  return typeof code === "string" ? code : (/^([a-z_]+):/.exec(text)?.[1] ?? "");
}

function optional(step: Step, fields: readonly string[]): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const name of fields) {
    const value = fieldOf(step, name);
    if (value !== undefined) given[name] = value;
  }
  return given;
}
