import { readFileSync } from "node:fs";
import { HAS_PROC } from "../processes/process-table.ts";

/** git's transports run the helper by way of a shell or two. */
const GENERATIONS = 4;
const TRANSPORT = /^(git-remote-http|git-lfs)/;

function statusOf(pid: number): { name: string; parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, name = ""] = /^\d+ \((.*)\) /s.exec(stat) ?? [];
    const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { name, parent: Number(parent) };
  } catch {
    return null;
  }
}

/**
 * Whether git's own connection to a remote asks, and not `git credential fill`, which would print the
 * answer. A guard rail for agents that mean well: what runs as the same user can pretend. Where there
 * is no /proc it cannot be told, and counts as true.
 */
export function isGitTransport(pid: number): boolean {
  if (!HAS_PROC) return true;
  let at = pid;
  for (let i = 0; i < GENERATIONS; i += 1) {
    const found = statusOf(at);
    if (found === null) return false;
    if (TRANSPORT.test(found.name)) return true;
    at = found.parent;
  }
  return false;
}
