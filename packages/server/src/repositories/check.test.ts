import type { RepoCheckAnswer } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { createServer, type ServerPorts } from "../index.ts";
import { LOCAL_TOKEN, testPorts } from "../testing/ports.ts";
import { forgeOf } from "./forge.ts";

const usable: RepoCheckAnswer = {
  ok: true,
  problem: null,
  message: "The default branch is main.",
  action: "",
  default_branch: "main",
  head_sha: "a".repeat(40),
};
const entry = { id: "town_00000000000000000000000001", name: "t", createdAt: "" };

async function check(reply: () => Response | Promise<Response>, overrides: Partial<ServerPorts> = {}) {
  const asked: unknown[] = [];
  const ports = await testPorts({
    fetch: async (_url, init) => {
      asked.push(JSON.parse(typeof init?.body === "string" ? init.body : "null"));
      return reply();
    },
    towns: {
      ...(await testPorts()).towns,
      list: () => [entry],
      create: () => Promise.reject(new Error("not here")),
      get: (id) => Promise.resolve(id === entry.id ? ({ id } as never) : undefined),
      remove: () => Promise.reject(new Error("not here")),
    },
    ...overrides,
  });
  ports.runner.address = { url: "http://127.0.0.1:9", bearer: "b", instanceId: "run_1" };
  const answer = await createServer(ports).app.request("http://127.0.0.1:4780/api/repositories/check", {
    method: "POST",
    headers: { authorization: `Bearer ${LOCAL_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ gitUrl: "https://github.com/a/b.git" }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown>, asked, ports };
}
const reply =
  (body: unknown, status = 200) =>
  () =>
    new Response(JSON.stringify(body), { status });

describe("a repository that is tried", () => {
  it("is looked at by a runner, and told in parts", async () => {
    const { body, asked, ports } = await check(reply(usable));
    expect(asked).toEqual([{ git_url: "https://github.com/a/b.git" }]);
    expect(body).toMatchObject({ defaultBranch: "main", forge: "github" });
    expect(body["checks"]).toMatchObject([
      { name: "reach", ok: true },
      { name: "read", ok: true },
      { name: "branch", ok: true },
    ]);
    expect(ports.clock.pending).toBe(0);
  });

  it("says what to do where it cannot be used", async () => {
    const denied = {
      ...usable,
      ok: false,
      problem: "auth",
      message: "Access was denied.",
      action: "Log in.",
    };
    const { body } = await check(reply(denied));
    expect(body["checks"]).toMatchObject([
      { name: "reach", ok: true },
      { name: "read", ok: false, reason: "Access was denied.", action: "Log in." },
      { name: "branch", ok: false },
    ]);
  });

  it("is an error of the runner, or of its absence, where nobody can look", async () => {
    expect((await check(reply("nonsense"))).body).toMatchObject({ error: { code: "runner_error" } });
    const refusal = { error: { code: "draining", message: "It is going." } };
    expect(await check(reply(refusal, 503))).toMatchObject({ status: 503, body: refusal });
    expect((await check(() => Promise.reject(new Error("reset")))).status).toBe(504);
    const { towns } = await testPorts();
    expect((await check(reply(usable), { towns })).status).toBe(404);
  });
});

describe("the forge of a url", () => {
  it.each([
    ["https://github.com/a/b.git", "github"],
    ["git@github.com:a/b.git", "github"],
    ["ssh://git@gitlab.example.org/a/b", "gitlab"],
    ["https://gitlab.com/a/b", "gitlab"],
    ["https://github.com.evil.example/a/b", "git"],
    ["/srv/git/github.com", "git"],
    ["https://git.example/github.com/a", "git"],
  ])("%s is %s", (url, forge) => {
    expect(forgeOf(url)).toBe(forge);
  });
});
