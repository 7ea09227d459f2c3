/** What the simulator must be, so that tests with it mean something: git, rules, apps and webhooks. */
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readGitHubWebhook, readGitLabWebhook, type WebhookReading } from "../src/index.ts";
import { seededRandom } from "./faults/faults.ts";
import { gitEnvironment } from "./git/git.ts";
import { type ForgeSimulator, type SimulatedRepository, startForgeSimulator } from "./index.ts";

// Real git and real requests: on a loaded machine a second may become minutes.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let simulator: ForgeSimulator;
let dir: string;
beforeEach(async () => {
  simulator = await startForgeSimulator();
  dir = await mkdtemp(join(tmpdir(), "gastown-simulator-"));
});
afterEach(async () => {
  await simulator.close();
  await rm(dir, { recursive: true, force: true });
});

const exec = promisify(execFile);
const env = gitEnvironment({ GIT_TERMINAL_PROMPT: "0" });
const git = async (...args: string[]): Promise<string> =>
  (await exec("git", args, { cwd: dir, env })).stdout.trim();
const withToken = (url: string, token: string): string => url.replace("://", `://x-access-token:${token}@`);

const repositoryOf = (forge: "github" | "gitlab", path: string): Promise<SimulatedRepository> =>
  simulator.repository({ forge, path, members: { town: "write", ann: "write", eve: "read" } });

async function call(path: string, token: string, body?: object): Promise<{ status: number; json: unknown }> {
  const answer = await fetch(`${simulator.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: await answer.json() };
}

async function pushed(repository: SimulatedRepository, token: string): Promise<string> {
  await git("clone", "--quiet", withToken(repository.cloneUrl, token), "work");
  await git("-C", "work", "checkout", "--quiet", "-b", "topic");
  await git("-C", "work", "commit", "--quiet", "--allow-empty", "-m", "One");
  await git("-C", "work", "push", "--quiet", "origin", "topic");
  return git("-C", "work", "rev-parse", "HEAD");
}

it("serves git to those who may, and a push moves the pull request's head", async () => {
  const repository = await repositoryOf("github", "acme/tool");
  const token = simulator.token("town");
  const first = await pushed(repository, token);
  const input = { head: "topic", base: "main", title: "Topic" };
  expect((await call("/api/v3/repos/acme/tool/pulls", token, input)).status).toBe(201);
  expect((await repository.pull(1)).headSha).toBe(first);
  await git("-C", "work", "commit", "--quiet", "--allow-empty", "-m", "Two");
  await git("-C", "work", "push", "--quiet", "origin", "topic");
  expect((await repository.pull(1)).headSha).toBe(await git("-C", "work", "rev-parse", "HEAD"));
});

it("refuses strangers, readers, dead tokens and pushes past a protection", async () => {
  const repository = await repositoryOf("gitlab", "acme/group/tool");
  const clone = (token: string) =>
    git("clone", "--quiet", withToken(repository.cloneUrl, token), `c-${token.slice(-6)}`);
  await expect(git("clone", "--quiet", repository.cloneUrl, "nobody")).rejects.toThrow(
    /could not read Username|terminal prompts/i,
  );
  await expect(clone(simulator.token("stranger"))).rejects.toThrow(/not found/i);
  const short = simulator.token("town", { expiresInMs: 1000 });
  simulator.clock.advance(2000);
  await expect(clone(short)).rejects.toThrow(/not found|could not read|Authentication failed/i);
  const reader = simulator.token("eve");
  await expect(pushed(repository, reader)).rejects.toThrow(/403/);
  await rm(join(dir, "work"), { recursive: true });
  await pushed(repository, simulator.token("town"));
  await repository.protect("main", { rejectPushes: true });
  await expect(git("-C", "work", "push", "--quiet", "origin", "topic:main")).rejects.toThrow(/GH006/);
});

it("mints tokens for an app's installation, for an hour and its repositories", async () => {
  await repositoryOf("github", "acme/tool");
  await repositoryOf("github", "acme/other");
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = (key: typeof publicKey, type: "spki" | "pkcs8"): string =>
    String(key.export({ type, format: "pem" }));
  simulator.app({
    id: 7,
    slug: "town",
    publicKey: pem(publicKey, "spki"),
    installations: { 70: ["acme/tool"] },
  });
  const auth = (key: string) =>
    createAppAuth({
      appId: 7,
      privateKey: key,
      installationId: 70,
      request: new Octokit({ baseUrl: `${simulator.url}/api/v3` }).request,
    })({ type: "installation" });
  const { token } = await auth(pem(privateKey, "pkcs8"));
  expect((await call("/api/v3/repos/acme/tool", token)).status).toBe(200);
  expect((await call("/api/v3/repos/acme/other", token)).status).toBe(404);
  simulator.clock.advance(61 * 60_000);
  expect((await call("/api/v3/repos/acme/tool", token)).status).toBe(401);
  const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await expect(auth(pem(other.privateKey, "pkcs8"))).rejects.toMatchObject({ status: 401 });
});

it("tells hooks what happened, in a way that can be proved", async () => {
  const heard: { message: IncomingMessage; body: string }[] = [];
  const hear = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    heard.push({ message, body: await text(message) });
    response.end();
  };
  const server = createServer((message, response) => void hear(message, response)).listen(0, "127.0.0.1");
  await new Promise((resolve) => {
    server.once("listening", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const read = ({ message, body }: (typeof heard)[number], secret: string): Promise<WebhookReading> => {
    const headers = new Headers(
      Object.entries(message.headers).map(([name, value]) => [name, String(value)]),
    );
    return (headers.has("x-github-event") ? readGitHubWebhook : readGitLabWebhook)(secret, { headers, body });
  };
  try {
    for (const [forge, path, api, input] of [
      ["github", "acme/tool", "/api/v3/repos/acme/tool/pulls", { head: "topic", base: "main", title: "T" }],
      [
        "gitlab",
        "acme/group/tool",
        `/api/v4/projects/${encodeURIComponent("acme/group/tool")}/merge_requests`,
        { source_branch: "topic", target_branch: "main", title: "T" },
      ],
    ] as const) {
      const repository = await repositoryOf(forge, path);
      repository.hook({ url, secret: "s1" });
      const sha = await repository.commit("topic", { "x.txt": "x\n" });
      expect((await call(api, simulator.token("town"), input)).status).toBe(201);
      await repository.thread(1, { by: "ann", body: "why?", path: "x.txt", line: 1 });
      repository.check(sha, { name: "ci" });
      await simulator.webhooks.idle();
      const told = heard.splice(0);
      expect(told).toHaveLength(3);
      for (const one of told) {
        expect(await read(one, "s1")).toMatchObject({
          kind: "concerns",
          pullRequests: [repository.pullUrl(1)],
        });
        expect(await read(one, "s2")).toEqual({ kind: "refused" });
      }
    }
    expect(new Set(simulator.webhooks.deliveries.map(({ id }) => id)).size).toBe(6);
    expect(simulator.webhooks.deliveries.every(({ status }) => status === 200)).toBe(true);
  } finally {
    server.close();
  }
});

it("draws the same faults for the same seed", () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 1000 }, () => random());
  };
  expect(draw(3)).toEqual(draw(3));
  expect(draw(3)).not.toEqual(draw(4));
  const low = draw(5).filter((value) => value < 0.2).length;
  expect(low).toBeGreaterThan(150);
  expect(low).toBeLessThan(250);
});
