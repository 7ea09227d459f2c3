/** The GitHub client against an emulator that nobody here wrote. It has no GraphQL, and git only by REST. */
import { createServer } from "node:net";
import { createEmulator, type Emulator } from "emulate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { githubForge } from "../src/index.ts";
import type { Forge } from "../src/forge.ts";
import { signal, valueOf } from "./world.ts";

let emulator: Emulator;
let forge: Forge;
let origin: string;
let closeServer: () => Promise<void>;

/** The emulator takes no port 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => {
    server.once("listening", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

beforeAll(async () => {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  emulator = await createEmulator({
    service: "github",
    port,
    baseUrl: origin,
    seed: {
      tokens: { tok: { login: "octocat", scopes: ["repo"] } },
      github: { users: [{ login: "octocat" }], repos: [{ owner: "octocat", name: "tool", auto_init: true }] },
    },
  });
  closeServer = () => emulator.close();
  const context = { token: async () => ({ ok: true, token: "tok", source: "test" }) as const };
  forge = githubForge({ site: origin, project: "octocat/tool" }, context, origin);
});
afterAll(() => closeServer());

async function api(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${origin}/repos/octocat/tool${path}`, {
    method,
    headers: { authorization: "Bearer tok", "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const reference = z.object({ object: z.object({ sha: z.string() }) });
const headOf = async (branch: string): Promise<string> =>
  reference.parse(await api("GET", `/git/ref/heads/${branch}`)).object.sha;

async function change(branch: string, path: string): Promise<string> {
  const content = Buffer.from("one\ntwo\n").toString("base64");
  await api("PUT", `/contents/${path}`, { branch, message: `Add ${path}`, content });
  return headOf(branch);
}

describe("against emulate", () => {
  it("tells of the repository what REST tells, and of the rest that it is not known", async () => {
    expect(valueOf(await forge.repository(signal))).toEqual({
      defaultBranch: "main",
      canPush: true,
      mergeMethods: ["merge", "squash", "rebase"],
      mergeQueueRequired: null,
    });
  });

  it("takes a change from its branch to the target", async () => {
    const main = await headOf("main");
    const branch = "feature/one";
    for (let i = 0; i < 2; i += 1)
      expect(valueOf(await forge.createBranch({ branch, headSha: main }, signal))).toEqual({ headSha: main });
    const headSha = await change(branch, "a.txt");
    const input = { branch, target: "main", headSha, title: "One", body: "Why" };
    const pr = valueOf(await forge.openPullRequest(input, signal));
    expect(pr).toMatchObject({ number: 1, state: "open", head_sha: headSha, base: "main", from_fork: false });
    expect(valueOf(await forge.openPullRequest(input, signal)).url).toBe(pr.url);

    const read = await forge.read(pr.url, signal);
    expect(read).toMatchObject({
      outcome: { kind: "ok", pr: { head_sha: headSha } },
      signals: {
        threads: { state: "unknown" },
        approval: { state: "unknown" },
        // It has check runs and no commit statuses: half an answer is none.
        checks: { state: "unknown", why: "404 Not Found" },
      },
    });

    const check = { name: "ci", head_sha: headSha, status: "completed", conclusion: "failure" };
    await api("POST", "/check-runs", { ...check, output: { title: "1 failed", summary: "a.txt" } });
    const log = await forge.checkLog({ url: pr.url, name: "ci", headSha }, signal);
    expect(valueOf(log)).toBe("1 failed\na.txt");

    const review = {
      url: pr.url,
      headSha,
      marker: "e1",
      body: "Look",
      comments: [{ path: "a.txt", line: 2, body: "here" }],
    };
    expect(valueOf(await forge.postReview(review, signal))).toEqual({ posted: true });
    expect(valueOf(await forge.postReview(review, signal))).toEqual({ posted: false });
    // It shows no files of a pull request, so no comment has a place, and all are in the review's text.
    const reviews = await api("GET", "/pulls/1/reviews");
    expect(reviews).toMatchObject([
      { state: "COMMENTED", body: expect.stringMatching(/^Look[^]*a\.txt:2[^]*here/) },
    ]);

    const how = { url: pr.url, method: "merge", title: "Merge one", message: "" } as const;
    expect(await forge.merge({ ...how, headSha: main }, signal)).toEqual({
      kind: "head_moved",
      head: headSha,
    });
    const merged = await forge.merge({ ...how, headSha }, signal);
    expect(merged).toEqual({ kind: "merged", commit: await headOf("main") });
    expect(await forge.merge({ ...how, headSha }, signal)).toMatchObject({
      kind: "already",
      pr: { head_sha: headSha },
    });
    expect(valueOf(await forge.openPullRequest(input, signal))).toMatchObject({ number: 1, state: "merged" });
    expect(valueOf(await forge.contains({ branch: "main", commit: headSha }, signal))).toBe(true);
    expect(valueOf(await forge.readFile({ path: "a.txt", ref: "main" }, signal))).toBe("one\ntwo\n");
    expect(valueOf(await forge.readFile({ path: "b.txt", ref: "main" }, signal))).toBeNull();
    expect(valueOf(await forge.deleteBranch({ branch, headSha: main }, signal))).toEqual({
      deleted: false,
      stands_at: headSha,
    });
    expect(valueOf(await forge.deleteBranch({ branch, headSha }, signal))).toEqual({
      deleted: true,
      stands_at: null,
    });
    expect(valueOf(await forge.deleteBranch({ branch, headSha }, signal))).toEqual({
      deleted: false,
      stands_at: null,
    });
  });
});
