/** Effects that ask a forge, as `packages/server/src/effects` carries them out. */
import type { ForgeError, PullRequestMerge, PullRequestReading } from "@gastown/protocol";
import type { ClaimedEffect, EffectAnswer, EffectRequest } from "@gastown/town";
import type { Network, Outcome } from "../kernel/network.ts";
import { SECOND } from "../kernel/timeline.ts";
import type { Forge } from "../forge/forge.ts";

type Of<K extends EffectRequest["kind"]> = Extract<EffectRequest, { kind: K }>;
type Answer = (answer: EffectAnswer) => void;
type ForgeAnswer = Extract<EffectAnswer, { type: "forge" }>["answer"];
type MergeResult = Extract<ForgeAnswer, { of: "merge" }>["result"];

const TIMEOUT = 30 * SECOND;
const TRIES_NOT_UNDERSTOOD = 5;
const NO_ANSWER: ForgeError = {
  kind: "http_error",
  provider: "github",
  status: null,
  status_text: "no answer in time",
  transient: true,
};

export class ForgeEffects {
  readonly #network: Network;
  readonly #forge: Forge;
  readonly #mayMerge: (url: string, headSha: string) => void;

  /** `mayMerge`: called when a merge is asked for, and throws where it may not be. */
  constructor(network: Network, forge: Forge, mayMerge: (url: string, headSha: string) => void) {
    this.#network = network;
    this.#forge = forge;
    this.#mayMerge = mayMerge;
  }

  /** False: it asks no forge. */
  perform(effect: ClaimedEffect, answer: Answer): boolean {
    const { request } = effect;
    switch (request.kind) {
      case "open_pull_request":
        this.#open(request, effect, answer);
        return true;
      case "poll_pull_request":
        this.#poll(request, answer);
        return true;
      case "merge_pull_request":
        this.#merge(request, effect, answer);
        return true;
      case "post_review":
        this.#ask(
          "post_review",
          () => this.#forge.postReview(request.url, effect.id, request.comments.length),
          () => answer(forge({ of: "review", problem: null })),
        );
        return true;
      default:
        return false;
    }
  }

  /** `then` gets null where no answer came in time. */
  #ask<T>(name: string, deliver: () => T, then: (value: T | null) => void): void {
    this.#network.call<T>({
      name: `town → forge: ${name}`,
      timeoutMs: TIMEOUT,
      deliver: () => ({ type: "ok", value: deliver() }),
      done: (outcome: Outcome<T>) => then(outcome.type === "ok" ? outcome.value : null),
    });
  }

  #open(request: Of<"open_pull_request">, effect: ClaimedEffect, answer: Answer): void {
    const wish = { rigId: request.rig.id, base: request.target, ...request };
    this.#ask(
      request.kind,
      () => this.#forge.failure() ?? this.#forge.openPull(wish),
      (found) => {
        const result = found ?? NO_ANSWER;
        if (!("kind" in result)) return answer(forge({ of: "open", result: { kind: "ok", pr: result } }));
        answer(retried(result, effect.attempt) ?? forge({ of: "open", result }));
      },
    );
  }

  #poll({ url, asked, kind }: Of<"poll_pull_request">, answer: Answer): void {
    const read = (): { reading: PullRequestReading; contained: boolean | null } => {
      const reading = this.#forge.read(url);
      const isMerged = reading.outcome.kind === "ok" && reading.outcome.pr.state === "merged";
      const contained =
        isMerged && reading.outcome.kind === "ok" ? this.#forge.contains(reading.outcome.pr, url) : null;
      return { reading, contained };
    };
    this.#ask(kind, read, (found) => {
      const { reading, contained } = found ?? {
        reading: { outcome: NO_ANSWER, signals: null },
        contained: null,
      };
      if (reading.outcome.kind === "ok") this.#forge.shown.set(url, reading);
      answer(forge({ of: "poll", asked, reading, contained, logs: [] }));
    });
  }

  #merge(request: Of<"merge_pull_request">, effect: ClaimedEffect, answer: Answer): void {
    const { url, headSha } = request;
    const method = request.method === "auto" ? "merge" : request.method;
    if (request.withdrawn) return this.#readBack(url, effect, answer, true);
    this.#mayMerge(url, headSha);
    this.#ask(
      request.kind,
      (): PullRequestMerge => this.#forge.merge(url, headSha, method),
      (found) => {
        const result = found ?? NO_ANSWER;
        if (result.kind === "merged" || result.kind === "already")
          return this.#readBack(url, effect, answer, false);
        const isError = result.kind === "http_error" || result.kind === "invalid_response";
        answer((isError ? retried(result, effect.attempt) : null) ?? merged(result));
      },
    );
  }

  /** It counts only when the target has the commit; `withdrawn`: and is not wanted any more otherwise. */
  #readBack(url: string, effect: ClaimedEffect, answer: Answer, withdrawn: boolean): void {
    this.#ask(
      "read back",
      () => this.#forge.read(url),
      (reading) => {
        const outcome = reading?.outcome ?? NO_ANSWER;
        if (outcome.kind !== "ok") return answer(retried(outcome, effect.attempt) ?? merged(outcome));
        const { pr } = outcome;
        if (pr.state === "merged" && pr.merge_commit !== null && this.#forge.contains(pr, url) === true)
          return answer(merged({ kind: "landed", pr, commit: pr.merge_commit }));
        answer(
          withdrawn
            ? merged({ kind: "withdrawn" })
            : { type: "retry", message: "not seen in the target yet", counted: true },
        );
      },
    );
  }
}

const forge = (answer: ForgeAnswer): EffectAnswer => ({ type: "forge", answer });
const merged = (result: MergeResult): EffectAnswer => forge({ of: "merge", result });

/** A failure that may be gone later is tried again. Null: for good. */
function retried(error: ForgeError, attempt: number): EffectAnswer | null {
  if (error.kind === "invalid_response")
    return attempt < TRIES_NOT_UNDERSTOOD
      ? { type: "retry", message: "not understood", counted: true }
      : null;
  if (error.kind !== "http_error" || !error.transient) return null;
  return {
    type: "retry",
    message: `${error.status ?? "no answer"}`,
    counted: true,
    ...(error.retry_after_ms === undefined ? {} : { retryAfterMs: error.retry_after_ms }),
  };
}
