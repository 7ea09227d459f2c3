/** Servers of one's own, by the settings alone: whom a forge asks, at which address, and with what. */
import type { Forge } from "@gastown/forge";
import type { ForgeKind } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { testPorts } from "../testing/ports.ts";
import { TOWN, townsOn, type TownHost } from "../testing/town-host.ts";
import { createForgeFor } from "./forge-for.ts";

const withTown = townsOn(withSql);
const signal = new AbortController().signal;
const OWN_GITHUB = { host: "ghe.acme.example:8443", apiUrl: "https://ghe.acme.example:8443/api/v3" };

interface Sent {
  url: string;
  authorization: string | null;
}

/** The forge of a rig of the host's town, and everything that leaves for it; each answer is a 404. */
async function forgeAt(
  host: TownHost,
  gitUrl: string,
  own?: typeof OWN_GITHUB,
): Promise<{ forge: Forge; kind: ForgeKind; sent: Sent[] }> {
  const sent: Sent[] = [];
  const answer = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    sent.push({ url: request.url, authorization: request.headers.get("authorization") });
    return Promise.resolve(Response.json({ message: "Not Found" }, { status: 404 }));
  };
  const ports = { ...(await testPorts()), sealingKeys: host.ports.sealingKeys };
  const forges = { fetch: answer, ...(own === undefined ? {} : { github: own }) };
  Object.assign(host.ports, { forges });
  const made = await host.ask<{ id: string }>("POST", `/api/towns/${TOWN}/rigs`, { name: "app", gitUrl });
  const rig = host.actor.read((open) => open.rig(made.body.id));
  const forgeFor = createForgeFor({ ...ports, forges }, () => Promise.resolve(host.actor));
  const ref = { id: rig.id, name: rig.name, git_url: gitUrl, default_branch: "main" };
  const forge = await forgeFor(TOWN, { rig: ref, forge: rig.forge });
  return { forge, kind: rig.forge, sent };
}
const set = (host: TownHost, credentials: object): Promise<unknown> =>
  host.ask("PATCH", `/api/towns/${TOWN}/config`, { credentials });

describe("a GitHub of one's own", () => {
  it("is asked at its own API, REST and GraphQL, with the town's token", () =>
    withTown(async (host) => {
      await set(host, { github_token: "ghs-own" });
      const at = await forgeAt(host, "https://ghe.acme.example:8443/acme/app.git", OWN_GITHUB);
      expect(at.kind).toBe("github");
      const url = "https://ghe.acme.example:8443/acme/app/pull/7";
      expect(await at.forge.read(url, signal)).toMatchObject({
        outcome: { kind: "http_error", status: 404 },
      });
      await at.forge.threads(url, signal);
      expect(at.sent.map((one) => new URL(one.url).pathname)).toEqual([
        "/api/v3/repos/acme/app/pulls/7",
        "/api/graphql",
      ]);
      for (const one of at.sent) {
        expect(new URL(one.url).host).toBe("ghe.acme.example:8443");
        expect(one.authorization).toMatch(/^(token|bearer) ghs-own$/i);
      }
    }));

  it("never gets what is for another host, nor anything for a url of one", () =>
    withTown(async (host) => {
      await set(host, { github_token: "ghs-own" });
      const at = await forgeAt(host, "https://ghe.acme.example:8443/acme/app.git", OWN_GITHUB);
      expect(await at.forge.read("https://github.com/acme/app/pull/7", signal)).toMatchObject({
        outcome: { kind: "host_mismatch", expected: "ghe.acme.example:8443", got: "github.com" },
      });
      expect(at.sent).toEqual([]);
    }));

  it("is found by its ssh address, and its pull requests are adopted by their url", () =>
    withTown(async (host) => {
      await set(host, { github_token: "ghs-own" });
      const own = { host: "ghe.acme.example", apiUrl: "https://ghe.acme.example/api/v3" };
      const at = await forgeAt(host, "git@ghe.acme.example:acme/app.git", own);
      expect(at.kind).toBe("github");
      await at.forge.read("https://ghe.acme.example/acme/app/pull/7", signal);
      expect(at.sent[0]?.url).toBe("https://ghe.acme.example/api/v3/repos/acme/app/pulls/7");
    }));
});

describe("a GitLab of one's own below a path", () => {
  const lab = { gitlab_token: "glpat-own", gitlab_url: "https://code.acme.example/gitlab" };
  const url = "https://code.acme.example/gitlab/group/sub/app/-/merge_requests/3";

  it.each(["https://code.acme.example/gitlab/group/sub/app.git", "git@code.acme.example:group/sub/app.git"])(
    "is asked at its API there: %s",
    (gitUrl) =>
      withTown(async (host) => {
        await set(host, lab);
        const at = await forgeAt(host, gitUrl);
        expect(at.kind).toBe("gitlab");
        await at.forge.read(url, signal);
        const path = "group/sub/app".replaceAll("/", encodeURIComponent("/"));
        expect(at.sent[0]?.url).toContain(`${lab.gitlab_url}/api/v4/projects/${path}/merge_requests/3`);
        expect(at.sent[0]?.authorization).toBe("Bearer glpat-own");
      }),
  );

  it("sends nothing to what else lives at that host", () =>
    withTown(async (host) => {
      await set(host, lab);
      const at = await forgeAt(host, "https://code.acme.example/gitlab/group/app.git");
      const other = "https://code.acme.example/other/group/app/-/merge_requests/3";
      expect(await at.forge.read(other, signal)).toMatchObject({
        outcome: { kind: "host_mismatch", expected: lab.gitlab_url, got: "https://code.acme.example" },
      });
      expect(at.sent).toEqual([]);
    }));
});
