/**
 * What is the model's trouble and not the agent's (spec/runner.md §4): a limit, an overload, a provider
 * that cannot be reached, or silence. Such a turn is repeated later; it is nobody's failed attempt. Agents
 * give no HTTP status (spec/agents-facts.md §10), only the provider's words, so words decide. Pure.
 */
import { RequestError } from "@agentclientprotocol/sdk";
import type { Runtime } from "../agents/runtimes.ts";
import { resetTime } from "./reset-time.ts";

type TroubleKind = "limited" | "overloaded" | "unreachable" | "silent";

export interface ModelTrouble {
  readonly kind: TroubleKind;
  /** The provider's own reset time (epoch ms); null: it said none. */
  readonly until: number | null;
  /** A sentence without a full stop, for people. */
  readonly message: string;
}

/** A turn that is over, as far as this looks at it. */
export interface EndedTurn {
  readonly reply: {
    readonly stopReason: string;
    readonly usage: { readonly input: number; readonly output: number; readonly total: number } | null;
  } | null;
  readonly error: unknown;
  /** Cancelled by our own clock, because nothing came. */
  readonly stalled: boolean;
  /** Cancelled, for whatever reason: an agent whose model is silent ends it as if it had answered. */
  readonly cancelled: boolean;
}

/** What the request itself is to blame for: to repeat it would end the same way. */
const TOO_LONG = /context[ _](?:length|window)|prompt is too long|(?:max|maximum)[ _](?:context|tokens)/i;

/** In the order in which they are tried: a refusal for a limit may also speak of a bad gateway. */
const WORDS: readonly { readonly kind: TroubleKind; readonly words: RegExp }[] = [
  {
    kind: "limited",
    words:
      /\b429\b|rate[ _-]?limit|too many requests|quota|usage[ _-]limit|limit reached|(?:hit|reached|exceeded) (?:your|the|its) (?:[\w-]+ ){0,3}limit|tokens per (?:min|day)|resource[ _]has[ _]been[ _]exhausted|resource_exhausted|\b402\b|payment required|insufficient (?:credits?|balance|funds)|credit balance is too low/i,
  },
  {
    kind: "overloaded",
    words:
      /\b(?:529|503)\b|overloaded|over(?:loaded)? capacity|at capacity|service (?:is )?(?:temporarily |currently )?unavailable|high demand/i,
  },
  {
    kind: "unreachable",
    words:
      /\b(?:502|504)\b|bad gateway|gateway time-?out|ECONN\w+|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|fetch failed|socket (?:hang up|connection was closed)|(?:cannot|unable to|could not|failed to) connect|connect(?:ion)? (?:error|refused|reset|timed? ?out|was closed)|network (?:error|is unreachable)|timed out (?:waiting for|connecting to)/i,
  },
];

/** What the runtimes put before the provider's words. */
const PREFIX = /^(?:internal error:\s*)+/i;

/**
 * The trouble that ended a turn, or null: it went well, or its end is the agent's own failure. `now` in
 * epoch ms.
 */
export function modelTrouble(end: EndedTurn, runtime: Runtime | undefined, now: number): ModelTrouble | null {
  const { reply, error } = end;
  // An agent that dies of the cancel, or does not answer it, is itself the trouble.
  const answered = reply !== null || error instanceof RequestError;
  if (end.stalled) return answered ? silent("nothing came from its model for too long") : null;
  if (reply === null) return error instanceof RequestError ? inWords(wordsOf(error), now) : null;
  const { stopReason, usage } = reply;
  const empty = usage !== null && usage.input === 0 && usage.output === 0 && usage.total === 0;
  return runtime?.reportsUsage === true && stopReason === "end_turn" && empty && !end.cancelled
    ? silent("its model ended a turn without a single token")
    : null;
}

const silent = (message: string): ModelTrouble => ({ kind: "silent", until: null, message });

/** The trouble that an agent's error speaks of; null: it speaks of something else. */
export function inWords(text: string, now: number): ModelTrouble | null {
  const said = text.replace(PREFIX, "").trim();
  const known = WORDS.find(({ words }) => words.test(said));
  if (known === undefined || TOO_LONG.test(said)) return null;
  const message = `its model's provider says: ${said.split("\n")[0]?.slice(0, 300) ?? ""}`.replace(
    /[.\s]+$/,
    "",
  );
  return { kind: known.kind, until: resetTime(said, now), message };
}

/** Its message, and what it adds: some agents put the provider's answer, or its headers, there. */
function wordsOf({ message, data }: RequestError): string {
  if (data === undefined || data === null) return message;
  return `${message}\n${typeof data === "string" ? data : JSON.stringify(data)}`;
}
