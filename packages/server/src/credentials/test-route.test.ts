/** `admin/credentials/test`: the chain in its order, what it may, and never the secret. */
import { plainForge, type Forge } from "@gastown/forge";
import type { CredentialsTest } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { TOWN, townsOn, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;
const PLANTED = "planted-secret-0123456789";

async function rigAt(host: TownHost, gitUrl: string): Promise<string> {
  await host.register();
  return (await host.ask<{ id: string }>("POST", `${T}/rigs`, { name: "site", gitUrl })).body.id;
}

async function tried(host: TownHost, rigId: string): Promise<CredentialsTest> {
  const answer = await host.ask<CredentialsTest>("POST", `${T}/admin/credentials/test`, { rigId });
  expect(JSON.stringify(answer.body)).not.toContain(PLANTED);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** A forge that says this of the repository. */
const saying = (repository: Awaited<ReturnType<Forge["repository"]>>): Forge => ({
  ...plainForge(),
  kind: "github",
  repository: () => Promise.resolve(repository),
});
const facts = (canPush: boolean | null): Forge =>
  saying({
    kind: "ok",
    value: { defaultBranch: "main", canPush, mergeMethods: [], mergeQueueRequired: null },
  });

const GIT_OK = { ok: true, problem: null, message: "", action: "", default_branch: "main", head_sha: null };

describe("a rig's credential", () => {
  it("is named with what was tried before it, and what the forge lets it do", () =>
    withTown(async (host) => {
      const rigId = await rigAt(host, "https://github.com/acme/site");
      await host.ask("PATCH", `${T}/config`, { credentials: { github_token: PLANTED } });
      host.ports.forge.current = facts(true);
      const source = {
        provider: "github",
        source: "github_token",
        tried: ["github_cli_pat", "integration (none configured)"],
      };
      expect(await tried(host, rigId)).toEqual({
        ok: true,
        ...source,
        permissions: ["read", "push"],
        message: "It may read and push.",
      });
      host.ports.forge.current = facts(null);
      expect(await tried(host, rigId)).toMatchObject({ ok: true, permissions: ["read"] });
      host.ports.forge.current = facts(false);
      expect(await tried(host, rigId)).toMatchObject({ ok: false, ...source, permissions: ["read"] });
      host.ports.forge.current = saying({
        kind: "http_error",
        provider: "github",
        status: 401,
        status_text: "Bad credentials",
        transient: false,
      });
      expect(await tried(host, rigId)).toMatchObject({
        ok: false,
        ...source,
        permissions: [],
        message: expect.stringMatching(/invalid or has expired|expired/),
      });
    }));

  it("that is not stored is the machine's, which its git tries for this rig", () =>
    withTown(async (host) => {
      const rigId = await rigAt(host, "https://github.com/acme/site");
      host.answers.set("POST /repos/check", () => Response.json(GIT_OK));
      expect(await tried(host, rigId)).toMatchObject({
        ok: true,
        source: "host",
        tried: ["github_cli_pat", "integration (none configured)", "github_token"],
        permissions: ["read"],
      });
      const asked = host.calls.findLast(({ path }) => path === "/repos/check");
      expect(asked?.body).toEqual({ git_url: "https://github.com/acme/site", rig_id: rigId });
      const refused = {
        ...GIT_OK,
        ok: false,
        problem: "auth",
        message: "It was refused.",
        action: "Log in.",
      };
      host.answers.set("POST /repos/check", () => Response.json(refused));
      expect(await tried(host, rigId)).toMatchObject({ ok: false, message: "It was refused. Log in." });
    }));

  it("that should be there and is not says each source and why", () =>
    withTown(async (host) => {
      const rigId = await rigAt(host, "https://github.com/acme/site");
      await host.ask("PATCH", `${T}/config`, { credentials: { github_app: { id: 7 } } });
      const answer = await tried(host, rigId);
      expect(answer).toMatchObject({ ok: false, provider: "github", permissions: [] });
      expect(answer.source).toBeUndefined();
      expect(answer.tried[1]).toContain("credentials.github_app.key");
      expect(answer.message).toContain("github_cli_pat");
    }));

  it("is needed by no path, and asked for no rig that is not there", () =>
    withTown(async (host) => {
      const rigId = await rigAt(host, "/srv/site.git");
      expect(await tried(host, rigId)).toMatchObject({ ok: true, tried: [], permissions: ["read", "push"] });
      const none = await host.ask("POST", `${T}/admin/credentials/test`, { rigId: "nowhere" });
      expect(none.status).toBe(404);
    }));
});
