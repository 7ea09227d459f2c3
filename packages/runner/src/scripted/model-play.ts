/**
 * How the scripted agent plays a model that does not answer: as agents with a model report it, so that the
 * runner finds out by the same words (spec/agents-facts.md §10).
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fieldOf, numberOf, textOf } from "./arguments.ts";
import type { Step } from "./script.ts";

/** The turn ends with these words of a provider; it does not count as one. */
export class ModelRefusal extends Error {}

/** The turn ended only because it was cancelled, and without a token. */
export class ModelSilence extends Error {}

const LIMIT = "429 Too Many Requests: rate limit reached. Please try again in 1s.";

export class ModelPlay {
  readonly #refused = new Map<string, number>();

  /**
   * Comes to a `model_error`: nothing where it is over by now.
   * @throws ModelRefusal, ModelSilence
   */
  async meet(conversation: string, step: Step, cwd: string, signal: AbortSignal): Promise<void> {
    const file = fieldOf(step, "while");
    const isOver =
      typeof file === "string"
        ? !existsSync(resolve(cwd, file))
        : (this.#refused.get(conversation) ?? 0) >= numberOf(step, "times", 1);
    if (isOver) return;
    this.#refused.set(conversation, (this.#refused.get(conversation) ?? 0) + 1);
    if (textOf(step, "how", "error") !== "silent") throw new ModelRefusal(textOf(step, "text", LIMIT));
    await new Promise<void>((done) => {
      if (signal.aborted) done();
      else signal.addEventListener("abort", () => done(), { once: true });
    });
    throw new ModelSilence("nothing came from the model");
  }
}
