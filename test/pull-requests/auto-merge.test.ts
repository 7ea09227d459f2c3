/**
 * A bead becomes a merged pull request: the real executable, a scripted agent, and the forge simulator with
 * its real repositories (spec/review.md §1, §4). No reviewer; one check, which a program reports.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { startForgeSimulator } from "../../packages/forge/simulator/index.ts";
import { git } from "../../apps/node/src/demo/git.ts";
import { TownProcess } from "../faults/town-process.ts";

/** A home directory whose git sends this token to the forge. */
function homeWith(forge: string, token: string): string {
  const home = mkdtempSync(join(tmpdir(), "gastown-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const basic = Buffer.from(`town:${token}`).toString("base64");
  writeFileSync(
    join(home, ".gitconfig"),
    `[http "${forge}/"]\n\textraHeader = Authorization: Basic ${basic}\n`,
  );
  return home;
}

it("is opened by the town with its own token, read, merged at the pushed head, and read back", async () => {
  const simulator = await startForgeSimulator();
  onTestFinished(() => simulator.close());
  const repository = await simulator.repository({
    forge: "github",
    path: "acme/tool",
    members: { town: "write" },
  });
  const token = simulator.token("town");
  const town = await TownProcess.start({
    hosted: { dir: repository.dir, cloneUrl: repository.cloneUrl },
    env: {
      GASTOWN_GITHUB_URL: simulator.url,
      // The host's own git may read and write it; the town's calls of the API have the stored token.
      HOME: homeWith(simulator.url, token),
    },
    config: {
      merge_strategy: "pr",
      review: { code_review: false, auto_merge_delay_minutes: 0, poll_seconds: 15 },
      credentials: { github_token: token },
    },
  });
  const bead = await town.sling("Add a part", {
    steps: [{ write: { path: "part.txt", content: "part\n" } }, ...town.commit("Add the part")],
  });
  await town.seen("the pull request", ({ kind }) => kind === "pr.created");
  const { headSha: head, title, author } = await repository.pull(1);
  expect({ title, author: author.login }).toEqual({ title: "Add a part", author: "town" });
  repository.check(head, { name: "ci" });

  await town.land([bead]);
  const merged = await town.bead(bead);
  expect(merged).toMatchObject({
    status: "closed",
    reason: "merged",
    mergeRequest: {
      strategy: "pr",
      reviewedSha: head,
      pullRequest: { url: repository.pullUrl(1), state: "merged", mergedHead: head },
    },
  });
  const onMain = await git(["rev-list", "main"], { cwd: town.remote });
  expect(onMain.split("\n")).toEqual(
    expect.arrayContaining([head, merged.mergeRequest?.mergeCommit ?? "none"]),
  );
  const roles = (await town.sessions()).map(({ role }) => role);
  expect(roles).toEqual(["polecat"]);
});
