/** The signals of an open pull request; one that cannot be read is `unknown` and hides no other. */
import type { PullRequest, PullRequestSignals, ReviewThread } from "@gastown/protocol";
import { errorOf } from "../failure.ts";

export interface SignalReaders {
  threads(): Promise<ReviewThread[]>;
  checks(): Promise<PullRequestSignals["checks"]>;
  approval(): Promise<PullRequestSignals["approval"]>;
}

interface Unknown {
  state: "unknown";
  why: string;
}

async function orUnknown<T>(read: () => Promise<T>): Promise<T | Unknown> {
  try {
    return await read();
  } catch (thrown) {
    const error = errorOf(thrown);
    const why =
      error.kind === "http_error" ? `${error.status ?? "no answer"} ${error.status_text}` : error.kind;
    return { state: "unknown", why };
  }
}

/** Null where the pull request is not open: then nothing is decided by them. */
export async function readSignals(
  pr: PullRequest,
  readers: SignalReaders,
): Promise<PullRequestSignals | null> {
  if (pr.state !== "open") return null;
  const [threads, checks, approval] = await Promise.all([
    orUnknown(async () => ({
      state: "known" as const,
      unresolved: (await readers.threads()).filter((thread) => !thread.resolved),
    })),
    orUnknown(() => readers.checks()),
    orUnknown(() => readers.approval()),
  ]);
  return { threads, checks, approval };
}
