/** Adopting a pull request by its address (spec/api.md §3.8): only an open one of this rig's own repository. */
import type { MergeRequest } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { forgeOfOne, onePullRequest, PR_URL, type OnePullRequest } from "../testing/forge.ts";
import { TOWN, townsOn, type Answer, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

interface Refusal {
  error: { code: string; message: string };
}

async function rigAt(host: TownHost, name: string, gitUrl: string): Promise<string> {
  return (await host.ask<{ id: string }>("POST", `/api/towns/${TOWN}/rigs`, { name, gitUrl })).body.id;
}

async function rigOnGitHub(host: TownHost, pr: OnePullRequest): Promise<string> {
  host.ports.forge.current = forgeOfOne(pr);
  await host.register();
  return rigAt(host, "app", "https://github.com/acme/app.git");
}

const call = <T>(host: TownHost, rig: string, what: "preview" | "adopt", body: object): Promise<Answer<T>> =>
  host.ask<T>("POST", `/api/towns/${TOWN}/rigs/${rig}/merges/${what}`, body);

describe("adopting a pull request", () => {
  it("shows what it is, and makes nothing", () =>
    withTown(async (host) => {
      const rig = await rigOnGitHub(host, onePullRequest({ draft: true, base: "next" }));
      const { status, body } = await call<{ warnings: string[] }>(host, rig, "preview", { prUrl: PR_URL });
      expect(status).toBe(200);
      expect(body).toMatchObject({ title: "Their change", author: "alice", canPush: true, checks: [] });
      expect(body.warnings).toHaveLength(2);
      expect(host.actor.read((town) => town.merges({}))).toEqual([]);
    }));

  it("watches it from then on, once, and never rewrites its branch unless told so", () =>
    withTown(async (host) => {
      const rig = await rigOnGitHub(host, onePullRequest());
      const first = await call<MergeRequest>(host, rig, "adopt", { prUrl: `${PR_URL}/files?w=1` });
      expect(first.status).toBe(201);
      expect(first.body).toMatchObject({ adopted: true, forcePushAllowed: false, branch: "their-branch" });
      const again = await call<MergeRequest & { warning?: string }>(host, rig, "adopt", { prUrl: PR_URL });
      expect(again.body).toMatchObject({ id: first.body.id, warning: expect.stringContaining("already") });
      const preview = await call(host, rig, "preview", { prUrl: PR_URL });
      expect(preview.body).toMatchObject({ alreadyWatched: first.body.id });
    }));

  it.each([
    ["not a url", "unrecognized_url"],
    ["file:///etc/passwd", "unrecognized_url"],
    ["https://alice:hunter2-secret@github.com/acme/app/pull/7", "unrecognized_url"],
    ["https://github.com/acme/app/issues/7", "unrecognized_url"],
    ["https://github.example/acme/app/pull/7", "host_mismatch"],
    ["https://github.com/acme/other/pull/7", "repo_mismatch"],
  ])("refuses %s as %s, and asks nobody about it", (prUrl, code) =>
    withTown(async (host) => {
      const pr = onePullRequest();
      const rig = await rigOnGitHub(host, pr);
      const { body } = await call<Refusal>(host, rig, "adopt", { prUrl });
      expect(body.error.code).toBe(code);
      expect(JSON.stringify([body, host.ports.recorded, host.ports.logged])).not.toContain("hunter2");
      expect(pr.reads).toBe(0);
      expect(host.actor.read((town) => town.merges({}))).toEqual([]);
    }),
  );

  it("refuses one that is not open, and a rig without pull requests", () =>
    withTown(async (host) => {
      const rig = await rigOnGitHub(host, onePullRequest({ state: "closed" }));
      expect((await call<Refusal>(host, rig, "adopt", { prUrl: PR_URL })).body.error.code).toBe(
        "pr_not_open",
      );
      const plain = await rigAt(host, "plain", "https://git.example/app.git");
      expect((await call<Refusal>(host, plain, "adopt", { prUrl: PR_URL })).body.error.code).toBe(
        "repo_mismatch",
      );
    }));
});
