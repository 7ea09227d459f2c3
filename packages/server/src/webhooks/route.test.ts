/** Webhooks (spec/api.md §3.4): a genuine one makes a poll due now; nothing else of any changes anything. */
import type { MergeRequest } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { forgeOfOne, onePullRequest, PR_URL, type OnePullRequest } from "../testing/forge.ts";
import { TOWN, townsOn, type Answer, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const SECRET = "a-webhook-secret-of-the-tests";

interface Watched {
  rig: string;
  merge: string;
  pr: OnePullRequest;
}

/** An adopted pull request that was read, in a rig whose webhooks are signed. */
async function watched(host: TownHost): Promise<Watched> {
  const pr = onePullRequest({ draft: true });
  host.ports.forge.current = forgeOfOne(pr);
  await host.register();
  const rigs = `/api/towns/${TOWN}/rigs`;
  const made = await host.ask<{ id: string }>("POST", rigs, {
    name: "app",
    gitUrl: "https://github.com/acme/app.git",
  });
  const rig = made.body.id;
  const set = await host.ask("PATCH", `${rigs}/${rig}/config`, { credentials: { webhook_secret: SECRET } });
  expect(JSON.stringify(set.body)).not.toContain(SECRET);
  const adopted = await host.ask<MergeRequest>("POST", `${rigs}/${rig}/merges/adopt`, { prUrl: PR_URL });
  await host.until((town) => (town.merge(adopted.body.id).pullRequest?.nextPollAt ? true : undefined));
  return { rig, merge: adopted.body.id, pr };
}

async function sign(body: string, secret: string): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(body)));
  return `sha256=${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const EVENT = JSON.stringify({ action: "synchronize", pull_request: { html_url: PR_URL } });

async function deliver(
  host: TownHost,
  rig: string,
  change: { body?: string; secret?: string; event?: string; delivery?: string; provider?: string } = {},
): Promise<Answer<{ accepted?: boolean; error?: { code: string } }>> {
  const body = change.body ?? EVENT;
  const path = `/api/towns/${TOWN}/rigs/${rig}/webhooks/${change.provider ?? "github"}`;
  return host.ask("POST", path, body, {
    "x-hub-signature-256": await sign(body, change.secret ?? SECRET),
    "x-github-event": change.event ?? "pull_request",
    "x-github-delivery": change.delivery ?? "d-1",
  });
}

const nextPoll = (host: TownHost, merge: string): string | null | undefined =>
  host.actor.read((town) => town.merge(merge).pullRequest?.nextPollAt);

describe("a webhook", () => {
  it("makes the next look immediate, once per delivery", () =>
    withTown(async (host) => {
      const { rig, merge, pr } = await watched(host);
      const isLater = ({ pullRequest }: MergeRequest): boolean =>
        Date.parse(pullRequest?.nextPollAt ?? "") > host.ports.now();
      const before = pr.reads;
      expect(await deliver(host, rig)).toMatchObject({ status: 202, body: { accepted: true } });
      await host.until((town) => (pr.reads === before + 1 && isLater(town.merge(merge)) ? true : undefined));
      const due = nextPoll(host, merge);
      expect((await deliver(host, rig)).status).toBe(202);
      expect(nextPoll(host, merge)).toBe(due);
      expect(await deliver(host, rig, { delivery: "d-2" })).toMatchObject({ status: 202 });
      await host.until(() => (pr.reads === before + 2 ? true : undefined));
    }));

  it("of GitLab does the same by its token, and nothing without it", () =>
    withTown(async (host) => {
      const { rig, pr } = await watched(host);
      const before = pr.reads;
      const body = JSON.stringify({ object_kind: "push", ref: "refs/heads/main", after: "f".repeat(40) });
      const path = `/api/towns/${TOWN}/rigs/${rig}/webhooks/gitlab`;
      const send = (token: string) =>
        host.ask("POST", path, body, { "x-gitlab-token": token, "x-gitlab-event": "Push Hook" });
      expect((await send("another")).status).toBe(401);
      expect(await send(SECRET)).toMatchObject({ status: 202, body: { accepted: true } });
      await host.until(() => (pr.reads > before ? true : undefined));
    }));

  it("with a wrong signature, an unknown rig or another provider is refused, and tells nothing", () =>
    withTown(async (host) => {
      const { rig, merge } = await watched(host);
      const due = nextPoll(host, merge);
      const answers = await Promise.all([
        deliver(host, rig, { secret: "another" }),
        deliver(host, `rig_${"0".repeat(26)}`),
        deliver(host, rig, { provider: "gitlab" }),
        deliver(host, rig, { provider: "bitbucket" }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
      expect(new Set(answers.map(({ body }) => JSON.stringify({ ...body.error, requestId: "" }))).size).toBe(
        1,
      );
      expect(nextPoll(host, merge)).toBe(due);
    }));

  it("of 5 MiB, of an unknown event or about something else changes nothing", () =>
    withTown(async (host) => {
      const { rig, merge } = await watched(host);
      const due = nextPoll(host, merge);
      const elsewhere = EVENT.replace("pull/7", "pull/8");
      expect((await deliver(host, rig, { body: "x".repeat(5 * 1_048_576) })).status).toBe(413);
      expect(await deliver(host, rig, { event: "sponsorship" })).toMatchObject({
        status: 202,
        body: { accepted: false },
      });
      expect(await deliver(host, rig, { body: "not json", delivery: "d-3" })).toMatchObject({ status: 202 });
      expect(await deliver(host, rig, { body: elsewhere, delivery: "d-4" })).toMatchObject({
        body: { accepted: false },
      });
      expect(nextPoll(host, merge)).toBe(due);
    }));
});
