import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { treeMemory, treeOfPs } from "./process-memory.ts";

const MIB = 1_024 * 1_024;

/** A process that holds so many megabytes, in a child of its own where `below`. */
async function holder(megabytes: number, below: boolean): Promise<number> {
  const hold = `const b = Buffer.alloc(${megabytes * MIB}, 1); setInterval(() => b, 60_000); console.log("held");`;
  const nested = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(hold)}], { stdio: ["pipe", "inherit", "inherit"] });`;
  const child = spawn(process.execPath, ["-e", below ? nested : hold], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  onTestFinished(() => void process.kill(-(child.pid ?? 0), "SIGKILL"));
  await once(child.stdout, "data");
  return child.pid ?? 0;
}

describe("the memory of a process", () => {
  it("is measured with that of its children", async () => {
    const size = await treeMemory(await holder(150, true));
    expect(size).toBeGreaterThan(150 * MIB);
    expect(size).toBeLessThan(600 * MIB);
  });

  it("is not known of one that is not there", async () => {
    expect(await treeMemory(2 ** 30)).toBeNull();
  });

  it("is read from what ps prints, where there is no /proc", () => {
    const output =
      "    1     0   1000\n  100     1   2000\n  101   100    300\n  102   101     40\n  200     1 900000\n";
    expect(treeOfPs(100, output)).toBe(2_340 * 1_024);
    expect(treeOfPs(300, output)).toBeNull();
  });
});
