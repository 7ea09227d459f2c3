/**
 * One message to the town's tools, with the credential of that moment. The host may restart under the
 * agent (1 to 3 s after a crash): what it cannot have taken is sent again, and so is what may be said
 * twice (`isRepeatable`). A call whose answer was lost and that may not be repeated is the model's to judge.
 */
import { GastownError } from "@gastown/protocol";
import { delay } from "../wait.ts";

/** The town's own endpoint of one session. */
export interface TownEndpoint {
  readonly url: string;
  readonly token: string;
}

export interface TownCall {
  /** Read for every try: a renewed token counts at once. */
  readonly endpoint: () => TownEndpoint;
  readonly body: Buffer;
  /** The agent's own, without its credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly isRepeatable: boolean;
  /** How long the town may be away, in milliseconds. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

export interface TownAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: Buffer;
}

interface Trouble {
  readonly what: string;
  /** Whether the town may have carried the call out all the same. */
  readonly mayBeDone: boolean;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Nobody was there to take the call. */
const NOT_DELIVERED = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * @throws GastownError `runner_unavailable`, in words for the model, when the town stays away or the answer
 * was lost; the signal's reason when that aborts
 */
export async function callTown(call: TownCall): Promise<TownAnswer> {
  const deadline = performance.now() + call.patienceMs;
  let mayBeDone = false;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const result = await attempt(call);
    if ("status" in result) return result;
    mayBeDone ||= result.mayBeDone;
    const isLost = mayBeDone && !call.isRepeatable;
    if (isLost || performance.now() + pause > deadline) throw away(result.what, mayBeDone, call.patienceMs);
    await delay(pause, call.signal);
    call.signal.throwIfAborted();
  }
}

async function attempt({ endpoint, body, headers, signal }: TownCall): Promise<TownAnswer | Trouble> {
  const { url, token } = endpoint();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${token}` },
      body: new Uint8Array(body),
      signal,
      redirect: "error",
    });
    const trouble = passing(response);
    // Read in any case: a body that nobody reads keeps its connection.
    const answer = Buffer.from(await response.arrayBuffer());
    return (
      trouble ?? {
        status: response.status,
        contentType: response.headers.get("content-type"),
        body: answer,
      }
    );
  } catch (thrown) {
    signal.throwIfAborted();
    const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const what = code === "" ? String(cause) : code;
    return { what, mayBeDone: !NOT_DELIVERED.has(code) };
  }
}

/** A town that says when to come back has not taken the call; of what stands before it nobody knows that. */
function passing({ status, headers }: Response): Trouble | null {
  if (status !== 502 && status !== 503 && status !== 504) return null;
  return { what: `it answered ${status}`, mayBeDone: status !== 503 || !headers.has("retry-after") };
}

function away(what: string, mayBeDone: boolean, patienceMs: number): GastownError {
  const message = mayBeDone
    ? `The town went away before it answered this call (${what}), which may have been carried out or not. Look how things stand before you call again.`
    : `The town cannot be reached (${what}, tried for ${Math.round(patienceMs / 1_000)} s), so this call was not carried out. Go on with what needs no tool, and call again later.`;
  return new GastownError("runner_unavailable", message);
}
