/** The command that people run against a real forge, against a simulated one. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished, vi } from "vitest";
import { startForgeSimulator } from "../../../packages/forge/simulator/index.ts";

// It runs in a process of its own: only its end ends this test.
vi.setConfig({ testTimeout: 1_200_000 });
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const exec = promisify(execFile);

it.each(["github", "gitlab"] as const)("holds on %s, and leaves no branch behind", async (forge) => {
  const simulator = await startForgeSimulator();
  onTestFinished(() => simulator.close());
  const repository = await simulator.repository({ forge, path: "acme/scratch", members: { town: "write" } });
  repository.checkEveryHead({ name: "ci" });
  const before = await repository.head("main");
  const args = [MAIN, "--repo", repository.cloneUrl, "--forge", forge, "--token-env", "SCRATCH_TOKEN"];
  const env = { ...process.env, SCRATCH_TOKEN: simulator.token("town") };

  await expect(exec(process.execPath, args, { env })).rejects.toMatchObject({ code: 2 });
  expect(await repository.pulls()).toEqual([]);

  const { stdout } = await exec(process.execPath, [...args, "--yes"], { env });
  expect(stdout).toContain("Test C holds");
  const pulls = await repository.pulls();
  expect(pulls.map(({ state }) => state)).toEqual(["merged", "merged", "merged", "merged"]);
  expect(await repository.branches()).toEqual(["main"]);
  expect(await repository.head("main")).toBe(before);
  expect(stdout).not.toContain(env.SCRATCH_TOKEN);
});
