/** How much memory a process holds with everything below it: agents' tools are children of theirs. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { HAS_PROC } from "./process-table.ts";

interface MeasuredProcess {
  readonly pid: number;
  readonly parent: number;
}

const KIB = 1_024;

/**
 * Bytes of the whole tree: on Linux its share of the memory (PSS, so that what processes have in common counts
 * once), elsewhere the resident set. Null where the system does not say, or where it is gone.
 */
export async function treeMemory(pid: number): Promise<number | null> {
  try {
    return HAS_PROC ? await treeOfProc(pid) : treeOfPs(pid, await psOutput());
  } catch {
    return null;
  }
}

async function psOutput(): Promise<string> {
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,ppid=,rss="], {
    maxBuffer: 16 * KIB * KIB,
  });
  return stdout;
}

/** The same from what `ps -axo pid=,ppid=,rss=` prints (KiB). */
export function treeOfPs(pid: number, output: string): number | null {
  const rows = output
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([own = 0, parent = 0, rss = 0]) => ({ pid: own, parent, rss }));
  const tree = treeOf(pid, rows);
  if (tree.length === 0) return null;
  return tree.reduce((sum, { rss }) => sum + rss * KIB, 0);
}

/** The process and its descendants. */
function treeOf<P extends MeasuredProcess>(pid: number, all: readonly P[]): P[] {
  const children = Map.groupBy(all, ({ parent }) => parent);
  const tree = all.filter((one) => one.pid === pid);
  // It grows while it is walked.
  for (const one of tree) tree.push(...(children.get(one.pid) ?? []));
  return tree;
}

async function treeOfProc(pid: number): Promise<number | null> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const all = (await Promise.all(pids.map(withParent))).filter((one) => one !== null);
  const tree = treeOf(pid, all);
  if (tree.length === 0) return null;
  const sizes = await Promise.all(tree.map((one) => shareOf(one.pid)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function withParent(pid: number): Promise<MeasuredProcess | null> {
  const stat = await read(`/proc/${pid}/stat`);
  // The name in parentheses may itself hold spaces and parentheses.
  const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  return Number.isInteger(parent) ? { pid, parent } : null;
}

/** 0 for one that ended meanwhile. */
async function shareOf(pid: number): Promise<number> {
  const share = kib(await read(`/proc/${pid}/smaps_rollup`), "Pss");
  return (share ?? kib(await read(`/proc/${pid}/status`), "VmRSS") ?? 0) * KIB;
}

function kib(text: string, field: string): number | null {
  const value = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
  return value === undefined ? null : Number(value);
}

async function read(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
