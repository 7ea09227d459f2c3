/**
 * Reading and answering review threads (spec/review.md §4.3). The town asks the forge with its own
 * credential, so an agent needs none, and reaches the one pull request that its bead is about.
 */
import type { Answer, Forge } from "@gastown/forge";
import { GastownError, type ReviewThread, type ToolInput } from "@gastown/protocol";
import type { ForgeKind } from "@gastown/protocol";
import { sha256Hex } from "../kernel/hash.ts";
import { forgeFailure } from "../merges/pull-request.ts";
import { compose } from "../prompts/text.ts";
import type { ToolCall } from "./handlers.ts";
import type { ToolResult } from "./result.ts";

const TIMEOUT_MS = 30_000;
/** Pauses before a forge that failed in passing is asked again: an agent's turn need not end by it. */
const PAUSES_MS = [500, 1_000, 2_000];
const MOST_WAIT_MS = 1_000;

type Call = Pick<ToolCall, "actor" | "ports" | "session">;

export async function pullRequestThreads(
  call: Call,
  { all = false }: ToolInput<"gt_pr_threads">,
): Promise<ToolResult> {
  const found = await onForge(call, (forge, url, signal) => forge.threads(url, signal));
  const threads = found.filter(({ resolved }) => all || !resolved);
  if (threads.length === 0) return { text: "No thread is open.", data: { items: [] } };
  const open = `${threads.length} thread${threads.length === 1 ? "" : "s"}.`;
  const intro = [`${open} Answer with gt_pr_reply, by the thread's id.`];
  return {
    text: compose(
      intro,
      threads.map((thread) => ({ heading: headingOf(thread), text: textOf(thread) })),
    ),
    data: { items: threads },
  };
}

function headingOf({ id, path, line, resolved, outdated }: ReviewThread): string {
  const where = path === null ? "the whole change" : line === null ? path : `${path}:${line}`;
  return `${id} on ${where}${resolved ? ", resolved" : ""}${outdated ? ", outdated" : ""}`;
}

const textOf = ({ comments }: ReviewThread): string =>
  comments.map(({ author, body }) => `${author}: ${body}`).join("\n\n");

/**
 * The thread, the text and the bead mark the reply: the same one said again is posted once, also by the
 * next attempt of the same work, whose forerunner may have posted it and never heard so.
 */
export async function pullRequestReply(
  call: Call,
  { thread_id: threadId, body, resolve = false }: ToolInput<"gt_pr_reply">,
): Promise<ToolResult> {
  const work = call.session.beadId ?? call.session.sessionId;
  const marker = (await sha256Hex(`${work} ${threadId} ${body}`)).slice(0, 32);
  const { posted } = await onForge(call, (forge, url, signal) =>
    forge.reply({ url, threadId, marker, body }, signal),
  );
  if (resolve) await onForge(call, (forge, url, signal) => forge.resolveThread({ url, threadId }, signal));
  const said = posted ? "Answered" : "Answered before";
  return {
    text: `${said}${resolve ? ", and the thread is resolved" : ""}.`,
    data: { thread_id: threadId, posted, resolved: resolve },
  };
}

async function onForge<T>(
  { actor, ports, session }: Call,
  ask: (forge: Forge, url: string, signal: AbortSignal) => Promise<Answer<T>>,
): Promise<T> {
  const about = actor.read((town) => town.pullRequestOf(session.sessionId));
  if (about === null)
    throw new GastownError("not_found", "There is no pull request yet: your work lands without one.");
  const deadline = new AbortController();
  const cancel = ports.setTimer(TIMEOUT_MS, () => deadline.abort());
  try {
    const forge = await ports.forgeFor(actor.id, about);
    let answer = await ask(forge, about.url, deadline.signal);
    for (const pauseMs of PAUSES_MS) {
      if (!mayPass(answer)) break;
      await new Promise<void>((resolve) => {
        ports.setTimer(pauseMs, resolve);
      });
      answer = await ask(forge, about.url, deadline.signal);
    }
    return valueOf(answer, about.forge);
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
    throw new GastownError("timeout", "The forge did not answer in 30 s. Call again.");
  } finally {
    cancel();
  }
}

/** Each call looks before it acts, so that asking again is harmless. A forge that says when is not pressed. */
function mayPass<T>(answer: Answer<T>): boolean {
  if (answer.kind === "invalid_response") return true;
  return answer.kind === "http_error" && answer.transient && (answer.retry_after_ms ?? 0) <= MOST_WAIT_MS;
}

function valueOf<T>(answer: Answer<T>, forge: ForgeKind): T {
  if (answer.kind === "ok") return answer.value;
  if (answer.kind === "unsupported") throw new GastownError("not_found", `${answer.what}.`);
  throw forgeFailure(answer, forge);
}
