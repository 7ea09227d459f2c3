import { expect, it } from "vitest";
import { plainForge } from "../src/index.ts";
import { signal } from "./world.ts";

it("says of each question that plain git cannot answer it", async () => {
  const forge = plainForge();
  const url = "https://git.example/a/b/pull/1";
  const headSha = "a".repeat(40);
  const answers = await Promise.all([
    forge.repository(signal),
    forge.openPullRequest({ branch: "b", target: "main", headSha, title: "t", body: "" }, signal),
    forge.read(url, signal),
    forge.threads(url, signal),
    forge.merge({ url, headSha, method: "merge", title: "t", message: "" }, signal),
    forge.postReview({ url, headSha, marker: "m", body: "b", comments: [] }, signal),
    forge.reply({ url, threadId: "t", marker: "m", body: "b" }, signal),
    forge.resolveThread({ url, threadId: "t" }, signal),
    forge.createBranch({ branch: "b", headSha }, signal),
    forge.deleteBranch({ branch: "b", headSha }, signal),
    forge.readFile({ path: "a", ref: "b" }, signal),
    forge.contains({ branch: "b", commit: headSha }, signal),
    forge.checkLog({ url, name: "ci", headSha }, signal),
  ]);
  // One more than the methods is `kind` itself.
  expect(answers.length + 1).toBe(Object.keys(forge).length);
  for (const answer of answers)
    expect(answer).toEqual({ kind: "unsupported", what: expect.stringMatching(/^a plain git remote /) });
});
