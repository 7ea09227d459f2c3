/**
 * What an agent shall do in one turn, said once for all of them: a scripted agent reads it as a script
 * in its prompt, a real one is led through it by a scripted model that finds its plan by the prompt.
 */
import { writeFileSync } from "node:fs";
import type { ModelRequest, Play, Reply } from "../real-agents/model-server.ts";
import { toolResults } from "../real-agents/plays.ts";

/** A place in a turn where it waits until the test lets it go on. */
export class Hold {
  readonly file: string;
  /** Resolves when the turn has come here. */
  readonly reached: Promise<void>;
  readonly released: Promise<void>;
  readonly #reach: () => void;
  readonly #release: () => void;

  constructor(file: string) {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.file = file;
    this.reached = reached.promise;
    this.released = released.promise;
    this.#reach = reached.resolve;
    this.#release = released.resolve;
  }

  async wait(): Promise<void> {
    this.#reach();
    await this.released;
  }

  release(): void {
    writeFileSync(this.file, "");
    this.#release();
  }
}

export type Step =
  | { readonly say: string }
  | { readonly call: string }
  | { readonly shell: string }
  /** The first answer is refused with this status; asked again, the model goes on. */
  | { readonly refuseOnce: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly refuse: number }
  | Hold;

/** The prompt of a turn; the number is how its plan is found again in a model's request. */
export function promptOf(turn: number, steps: readonly Step[]): string {
  const script = { steps: steps.flatMap(scriptStep) };
  return `This is turn-${turn} of a test.\n\n\`\`\`gastown-script\n${JSON.stringify(script)}\n\`\`\`\n`;
}

function scriptStep(step: Step): object[] {
  if (step instanceof Hold) return [{ wait_for: { file: step.file } }];
  if ("say" in step) return [{ say: step.say }];
  if ("call" in step) return [{ call: { tool: step.call, args: {} } }];
  return "shell" in step ? [{ run: step.shell }] : [];
}

/** Plays every turn that was planned, whichever session it is of. */
export class Plans {
  readonly #turns = new Map<number, readonly Step[]>();
  readonly #refused = new Set<Step>();

  set(turn: number, steps: readonly Step[]): void {
    this.#turns.set(turn, steps);
  }

  readonly play: Play = async (request) => {
    const rest = this.#rest(request);
    for (const [at, step] of rest.entries()) {
      if (step instanceof Hold) await step.wait();
      else return this.#reply(step, rest.slice(at + 1));
    }
    return { say: "That is all." };
  };

  /** The steps after as many tool calls as have been answered. */
  #rest(request: ModelRequest): readonly Step[] {
    const steps = this.#turns.get(turnOf(request)) ?? [];
    const calls = [...steps.entries()].filter(([, step]) => "call" in step || "shell" in step);
    const last = calls[toolResults(request).length - 1];
    return last === undefined ? steps : steps.slice(last[0] + 1);
  }

  #reply(step: Exclude<Step, Hold>, after: readonly Step[]): Reply | Promise<Reply> {
    if ("say" in step) return { say: words(step.say, after) };
    if ("call" in step) return { call: step.call, with: {} };
    if ("shell" in step) return { call: "bash", with: { command: step.shell, description: "A command" } };
    if ("refuse" in step) return { refuse: step.refuse };
    if (this.#refused.has(step)) return { say: "It went well the second time." };
    this.#refused.add(step);
    return { refuse: step.refuseOnce, ...(step.headers === undefined ? {} : { headers: step.headers }) };
  }
}

/** The turn that a request belongs to: the newest prompt in it. */
export function turnOf({ messages }: ModelRequest): number {
  const asked = messages.findLast(({ role }) => role === "user")?.content ?? "";
  return Number(/turn-(\d+)/.exec(asked)?.[1] ?? 0);
}

async function* words(first: string, after: readonly Step[]): AsyncGenerator<string, void, void> {
  yield first;
  for (const step of after) {
    if (step instanceof Hold) await step.wait();
    else if ("say" in step) yield step.say;
  }
}
