/** A log of a runner, read on while it is written: a stream of the runner's, never a question asked again. */
import type { ServerPorts } from "../ports.ts";
import { createRunnerClient } from "../runner/client.ts";

interface LogReader {
  /** `from`: number of the first line, from 0. `done`: nothing will be added, and this was the last call. */
  lines(from: number, lines: string[], done: boolean): void;
  /** It cannot be read, or not any more; the last call. */
  refused(code: string): void;
}

/** Gives all lines from number `after` on. Returns what ends it; the reader is called asynchronously. */
export type FollowLog = (townId: string, logId: string, after: number, reader: LogReader) => () => void;

/** Wakes no runner: what nobody writes is read in pages instead (`logs.get`). */
export function logFollower(ports: Pick<ServerPorts, "runners" | "fetch">): FollowLog {
  return (townId, logId, after, reader) => {
    const over = new AbortController();
    void follow({ ports, townId, logId, after, reader, signal: over.signal });
    return () => over.abort();
  };
}

interface Following {
  ports: Pick<ServerPorts, "runners" | "fetch">;
  townId: string;
  logId: string;
  after: number;
  reader: LogReader;
  signal: AbortSignal;
}

async function follow({ ports, townId, logId, after, reader, signal }: Following): Promise<void> {
  // The reader is never called before it has what ends it.
  await Promise.resolve();
  const runner = ports.runners.current(townId);
  if (runner === null) return reader.refused("runner_unavailable");
  const path = `/logs/${logId}?follow=true`;
  const call = await createRunnerClient(ports.fetch).open(runner, { method: "GET", path, signal });
  if (signal.aborted) return undefined;
  if (call.type !== "ok") return reader.refused(call.type === "error" ? call.code : "runner_unavailable");
  let at = 0;
  const give = (lines: string[], done: boolean): void => {
    const known = Math.max(0, Math.min(after - at, lines.length));
    const from = at + known;
    at += lines.length;
    if (!signal.aborted && (done || known < lines.length)) reader.lines(from, lines.slice(known), done);
  };
  try {
    const rest = await eachLines(call.response, (lines) => give(lines, false));
    give(rest === "" ? [] : [rest], true);
  } catch {
    if (!signal.aborted) reader.refused("runner_unavailable");
  }
  return undefined;
}

/** Whole lines as they come; what stands after the last of them in the end. */
async function eachLines({ body }: Response, take: (lines: string[]) => void): Promise<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    if (parts.length > 0) take(parts);
  }
  return rest + decoder.decode();
}
