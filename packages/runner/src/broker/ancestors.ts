import { readFileSync, readlinkSync } from "node:fs";

const GENERATIONS = 20;

/** Working directories of the processes above this one, nearest first; none where there is no /proc. */
export function* ancestorDirectories(): Generator<string> {
  let pid = process.ppid;
  for (let i = 0; i < GENERATIONS && pid > 1; i += 1) {
    try {
      yield readlinkSync(`/proc/${pid}/cwd`);
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    } catch {
      return;
    }
  }
}
