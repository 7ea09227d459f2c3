/** Credentials: sealed, masked, kept over a round trip, and given to nobody but whom they are for. */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import type { Sql } from "@gastown/town";
import { TOWN, townsOn, USER, type Answer, type TownHost } from "../testing/town-host.ts";
import { began } from "../testing/town-host.ts";
import { cleanGitUrl } from "./git-url.ts";
import { seal, unseal } from "./seal.ts";

const T = `/api/towns/${TOWN}`;
const PLANTED = "planted-secret-0123456789";
const ALL = {
  github_cli_pat: `${PLANTED}-pat`,
  github_app: { id: 7, installation: "70000000001234", key: `${PLANTED}-key` },
  github_token: `${PLANTED}-last`,
  gitlab_token: `${PLANTED}-lab`,
  gitlab_url: "https://code.example.org",
};

/** A town, and the database that it is stored in. */
const withTown = (test: (host: TownHost, sql: Sql) => Promise<void>): Promise<void> => {
  let storage: Sql | undefined;
  return townsOn((give) =>
    withSql(async (sql) => {
      storage = sql;
      await give(sql);
    }),
  )(async (host) => {
    if (storage === undefined) throw new Error("no storage");
    await test(host, storage);
  });
};

const codeOf = (answer: Answer): unknown => (answer.body["error"] as { code?: string } | undefined)?.code;
const patch = (host: TownHost, credentials: unknown, more: object = {}): Promise<Answer> =>
  host.ask("PATCH", `${T}/config`, { credentials, ...more });

interface ConfigAnswer {
  version: number;
  config: { credentials?: Record<string, unknown> };
  effective: Record<string, { value: unknown; source: string }>;
  secrets: Record<string, { masked: string; changedBy: string; usedBy: string[] }>;
}
const config = async (host: TownHost, path = `${T}/config`): Promise<ConfigAnswer> =>
  (await host.ask<ConfigAnswer>("GET", path)).body;

async function rigAt(host: TownHost, name: string, gitUrl: string): Promise<string> {
  if (host.runnerToken === "") await host.register();
  const made = await host.ask<{ id: string }>("POST", `${T}/rigs`, { name, gitUrl });
  const setup = await host.called("/repos/setup");
  await host.report(`/runner/effects/${String(setup.body["effect_id"])}/settle`, {
    attempt: 1,
    result: { outcome: "rig_ready", default_branch: "main", head_sha: "a".repeat(40) },
  });
  await host.until((open) => (open.rig(made.body.id).state === "ready" ? true : undefined));
  return made.body.id;
}

async function workOn(host: TownHost, rigId: string): ReturnType<typeof began> {
  const made = await host.ask<{ bead: { id: string } }>("POST", `${T}/rigs/${rigId}/sling`, {
    title: "Do it",
  });
  return began(host, made.body.bead.id);
}

const ask = (host: TownHost, body: object): Promise<Answer> => host.report("/runner/git-token", body);

describe("a sealed secret", () => {
  const place = { townId: TOWN, key: "github_token" };
  const keyOf = (kid: string, byte: number) => ({ kid, secret: new Uint8Array(32).fill(byte) });
  const random = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

  it("opens with its own key, in its own place, unchanged, and nowhere else", async () => {
    const sealed = await seal([keyOf("b", 2), keyOf("a", 1)], random, place, PLANTED);
    expect(sealed).not.toContain(PLANTED);
    expect(await unseal([keyOf("c", 3), keyOf("b", 2)], place, sealed)).toBe(PLANTED);
    expect(await unseal([keyOf("a", 1)], place, sealed)).toBeUndefined();
    expect(await unseal([keyOf("b", 9)], place, sealed)).toBeUndefined();
    expect(await unseal([keyOf("b", 2)], { ...place, key: "gitlab_token" }, sealed)).toBeUndefined();
    expect(await unseal([keyOf("b", 2)], { ...place, townId: "town_x" }, sealed)).toBeUndefined();
    const broken = sealed.slice(0, -6) + (sealed.endsWith("AAAAAA") ? "BBBBBB" : "AAAAAA");
    expect(await unseal([keyOf("b", 2)], place, broken)).toBeUndefined();
    expect(await unseal([keyOf("b", 2)], place, "v1.b.x")).toBeUndefined();
  });

  it("is another text each time", async () => {
    const once = (): Promise<string> => seal([keyOf("b", 2)], random, place, PLANTED);
    expect(await once()).not.toBe(await once());
  });
});

describe("credentials in the settings", () => {
  it("are nowhere in the clear: answers, feed, logs, events, storage", () =>
    withTown(async (host, sql) => {
      const seen: unknown[] = [await patch(host, ALL), await config(host)];
      seen.push(host.actor.read((town) => town.feed({ limit: 200 })));
      seen.push(host.ports.recorded, host.ports.logged);
      for (const { name } of sql.all<{ name: string }>(
        "select name from sqlite_master where type = 'table'",
      )) {
        if (!name.startsWith("_")) seen.push(sql.all(`select * from "${name}"`));
      }
      const text = JSON.stringify(seen);
      expect(text).not.toContain(PLANTED);
      // The search would find them: names and masks are there.
      expect(text).toContain("credentials.github_token");
      expect(text).toContain("****last");
    }));

  it("are masked, and survive a round trip of what was shown", () =>
    withTown(async (host, sql) => {
      await patch(host, ALL);
      const before = sql.all("select key, sealed from secrets order by key");
      const shown = await config(host);
      expect(shown.config.credentials).toEqual({
        github_cli_pat: "****-pat",
        github_app: { id: "****", installation: "****1234", key: "****-key" },
        github_token: "****last",
        gitlab_token: "****-lab",
        gitlab_url: "https://code.example.org",
      });
      expect(shown.effective["credentials.github_token"]).toEqual({ value: "****last", source: "town" });
      const same = await host.ask("PATCH", `${T}/config`, shown.config, { ...USER, "if-match": '"cfg-2"' });
      expect(same.body).toMatchObject({ changed: [], version: shown.version });
      expect(sql.all("select key, sealed from secrets order by key")).toEqual(before);
    }));

  it("change one by one, raise the version, and are named in the audit without their value", () =>
    withTown(async (host) => {
      await patch(host, { github_token: `${PLANTED}-1`, gitlab_token: `${PLANTED}-2` });
      const changed = await patch(host, { github_token: `${PLANTED}-new1` }, { default_model: "m" });
      expect(changed.body).toMatchObject({ changed: ["default_model", "credentials.github_token"] });
      expect((await config(host)).config.credentials).toEqual({
        github_token: "****new1",
        gitlab_token: "****23-2".slice(0, 4) + "89-2",
      });
      const [entry] = host.actor.read((town) => town.feed({ limit: 1, kind: "config.updated" }));
      expect(entry?.data["keys"]).toContain("credentials.github_token");
    }));

  it("go with $unset, one or all below a name", () =>
    withTown(async (host) => {
      await patch(host, ALL);
      const one = await host.ask("PATCH", `${T}/config`, { $unset: ["credentials.github_app"] });
      expect(one.body["changed"]).toHaveLength(3);
      expect((await config(host)).config.credentials).not.toHaveProperty("github_app");
      await host.ask("PATCH", `${T}/config`, { $unset: ["credentials"] });
      expect((await config(host)).config).not.toHaveProperty("credentials");
      const again = await host.ask("PATCH", `${T}/config`, { $unset: ["credentials"] });
      expect(again.body["changed"]).toEqual([]);
    }));

  it("are refused masked where none is stored, unknown, of the wrong level, or with a value of the wrong kind", () =>
    withTown(async (host) => {
      const rig = await rigAt(host, "site", "https://github.com/acme/site.git");
      const refusals = [
        [await patch(host, { github_token: "****abcd" }), "masked_value_unknown"],
        [await patch(host, { nope: PLANTED }), "unknown_setting"],
        [await patch(host, { git_password: PLANTED }), "unknown_setting"],
        [await patch(host, { github_token: 5 }), "validation_failed"],
        [await patch(host, { github_token: null }), "validation_failed"],
        [await patch(host, PLANTED), "validation_failed"],
        [await patch(host, { gitlab_url: "http://code.example.org" }), "validation_failed"],
        [await patch(host, { gitlab_url: `https://ann:${PLANTED}@code.example.org` }), "validation_failed"],
        [
          await host.ask("PATCH", `${T}/rigs/${rig}/config`, { credentials: { github_token: PLANTED } }),
          "unknown_setting",
        ],
      ] as const;
      expect(refusals.map(([answer]) => codeOf(answer))).toEqual(refusals.map(([, code]) => code));
      expect(JSON.stringify(refusals)).not.toContain(PLANTED);
      expect((await config(host)).config).not.toHaveProperty("credentials");
    }));

  it("of a rig are its own, and go with it", () =>
    withTown(async (host, sql) => {
      const rig = await rigAt(host, "site", "https://git.example.org/acme/site.git");
      const path = `${T}/rigs/${rig}/config`;
      await host.ask("PATCH", path, { credentials: { git_username: "ann", git_password: PLANTED } });
      const shown = await config(host, path);
      expect(shown.config.credentials).toEqual({ git_username: "ann", git_password: "****6789" });
      expect(shown.secrets["credentials.git_password"]).toMatchObject({ usedBy: ["site"] });
      expect(shown.effective["credentials.git_username"]).toEqual({ value: "ann", source: "rig" });
      expect((await config(host)).config).not.toHaveProperty("credentials");
      await host.ask("DELETE", `${T}/rigs/${rig}`);
      expect(sql.all("select * from secrets")).toEqual([]);
    }));

  it("wake a repository that is broken", () =>
    withTown(async (host) => {
      await host.register();
      await host.ask("POST", `${T}/rigs`, { name: "site", gitUrl: "https://github.com/acme/site.git" });
      const setup = await host.called("/repos/setup");
      const broken = { outcome: "rig_broken", problem: "auth", message: "refused", action: "" };
      await host.report(`/runner/effects/${String(setup.body["effect_id"])}/settle`, {
        attempt: 1,
        result: broken,
      });
      await host.until((open) => (open.rigs()[0]?.state === "broken" ? true : undefined));
      await patch(host, { github_token: PLANTED });
      expect((await host.called("/repos/setup")).body).toMatchObject({ rig: { name: "site" } });
    }));

  it("in env are refused by the names that forges' tools read", () =>
    withTown(async (host) => {
      const refused = await host.ask("PATCH", `${T}/config`, { env: { GH_TOKEN: PLANTED } });
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toMatch(/credentials\.github_token/);
      expect(JSON.stringify(refused.body)).not.toContain(PLANTED);
    }));
});

describe("a git url", () => {
  it("is kept without user info", () => {
    expect(cleanGitUrl("https://ann@git.example.org/a.git")).toEqual({
      gitUrl: "https://git.example.org/a.git",
      username: "ann",
    });
    expect(cleanGitUrl("ssh://git@git.example.org/a.git")).toEqual({
      gitUrl: "ssh://git@git.example.org/a.git",
    });
    expect(cleanGitUrl("git@git.example.org:a.git")).toEqual({ gitUrl: "git@git.example.org:a.git" });
    expect(cleanGitUrl("/srv/a@b.git")).toEqual({ gitUrl: "/srv/a@b.git" });
  });

  it("with a password is refused, and shown to nobody", () =>
    withTown(async (host, sql) => {
      for (const user of [`ann:${PLANTED}`, `:${PLANTED}`, `ghp_${PLANTED}`]) {
        const gitUrl = `https://${user}@git.example.org/a.git`;
        const made = await host.ask("POST", `${T}/rigs`, { name: "site", gitUrl });
        const tried = await host.ask("POST", "/api/repositories/check", { gitUrl });
        expect([codeOf(made), codeOf(tried)]).toEqual(["validation_failed", "validation_failed"]);
        expect(JSON.stringify([made, tried, host.ports.recorded, host.ports.logged])).not.toContain(PLANTED);
      }
      expect(sql.all("select * from rigs")).toEqual([]);
    }));

  it("gives its user name to the rig", () =>
    withTown(async (host) => {
      const rig = await rigAt(host, "site", "https://ann@git.example.org/a.git");
      expect(host.actor.read((town) => town.rig(rig).gitUrl)).toBe("https://git.example.org/a.git");
      expect(await ask(host, { rig_id: rig, host: "git.example.org", purpose: "fetch" })).toMatchObject({
        body: { username: "ann", token: null, source: "host" },
      });
    }));
});

describe("a token for git", () => {
  const site = "https://github.com/acme/site.git";

  it("is resolved from what is stored at that moment, and recorded without the token", () =>
    withTown(async (host, sql) => {
      const rig = await rigAt(host, "site", site);
      const { sessionId, epoch } = await workOn(host, rig);
      const body = { session_id: sessionId, epoch, rig_id: rig, host: "github.com", purpose: "push" };
      expect((await ask(host, body)).body).toEqual({
        username: "",
        token: null,
        source: "host",
        forge: "github",
      });
      await patch(host, { github_token: PLANTED });
      expect((await ask(host, body)).body).toEqual({
        username: "x-access-token",
        token: PLANTED,
        source: "github_token",
        forge: "github",
      });
      await patch(host, { github_cli_pat: `${PLANTED}-2` });
      expect((await ask(host, body)).body).toMatchObject({ token: `${PLANTED}-2`, source: "github_cli_pat" });
      const entries = host.actor.read((town) => town.feed({ limit: 10, kind: "credential." }));
      expect(entries.map(({ data, sessionId: who }) => [data["source"], data["purpose"], who])).toEqual([
        ["github_cli_pat", "push", sessionId],
        ["github_token", "push", sessionId],
      ]);
      expect(JSON.stringify(sql.all("select * from audit"))).not.toContain(PLANTED);
    }));

  it("is for a live session of that rig at that epoch only", () =>
    withTown(async (host) => {
      await patch(host, { github_token: PLANTED });
      const rig = await rigAt(host, "site", site);
      const other = await rigAt(host, "other", "https://github.com/acme/other.git");
      const { sessionId, epoch } = await workOn(host, rig);
      const mine = { session_id: sessionId, epoch, rig_id: rig, host: "github.com", purpose: "api" };
      const answers = [
        await ask(host, mine),
        await ask(host, { ...mine, rig_id: other }),
        await ask(host, { ...mine, rig_id: null }),
        await ask(host, { ...mine, epoch: epoch + 1 }),
        await ask(host, { ...mine, session_id: "sess_00000000000000000000000009" }),
        await ask(host, { ...mine, host: "evil.example.org" }),
        await ask(host, { rig_id: rig, session_id: sessionId, host: "github.com", purpose: "api" }),
      ];
      expect(answers.map(codeOf)).toEqual([
        undefined,
        "scope_mismatch",
        "scope_mismatch",
        "session_fenced",
        "session_fenced",
        "host_mismatch",
        "validation_failed",
      ]);
      await host.ask("POST", `${T}/sessions/${sessionId}/stop`, { mode: "now" });
      const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
      await host.report(`/sessions/${sessionId}/ended`, {
        epoch,
        outcome: "stopped",
        reason: { code: "stopped", message: "" },
        work_ref: null,
        usage,
      });
      await host.until((open) => (open.session(sessionId).state === "ended" ? true : undefined));
      expect(codeOf(await ask(host, mine))).toBe("session_fenced");
      expect(JSON.stringify(answers.slice(1))).not.toContain(PLANTED);
    }));

  it("is for a runner's token only, and for its newest instance", () =>
    withTown(async (host) => {
      await patch(host, { github_token: PLANTED });
      const rig = await rigAt(host, "site", site);
      const body = { rig_id: rig, host: "github.com", purpose: "fetch" };
      const older = host.runnerToken;
      await host.register("run_00000000000000000000000002");
      const as = (authorization: string) =>
        host.ask("POST", `${T}/runner/git-token`, body, { authorization });
      expect(codeOf(await as(`Bearer ${older}`))).toBe("runner_fenced");
      expect(codeOf(await as(USER.authorization))).toBe("token_invalid");
      expect((await ask(host, body)).body).toMatchObject({ token: PLANTED });
    }));

  it("that nothing gives names what was tried, in order", () =>
    withTown(async (host) => {
      const rig = await rigAt(host, "site", site);
      await patch(host, { github_app: { id: "7", installation: "70" } });
      const answer = await ask(host, { rig_id: rig, host: "github.com", purpose: "api" });
      expect(answer).toMatchObject({
        status: 422,
        body: {
          error: {
            code: "no_token",
            details: {
              tried: [
                "github_cli_pat",
                "town integration (not available: credentials.github_app.key not set)",
                "github_token",
              ],
            },
          },
        },
      });
      expect(host.ports.logged.map(({ message }) => message)).toContainEqual(
        expect.stringContaining("town integration gave no token"),
      );
    }));

  it("that was sealed by another host says so, and is not taken for none", () =>
    withTown(async (host, sql) => {
      const rig = await rigAt(host, "site", site);
      await patch(host, { github_token: PLANTED });
      sql.run("update secrets set sealed = replace(sealed, 'v1.s1.', 'v1.gone.')");
      const answer = await ask(host, { rig_id: rig, host: "github.com", purpose: "api" });
      expect(codeOf(answer)).toBe("no_token");
      expect(JSON.stringify(answer.body)).toMatch(/github_token \(not available: sealed with a key/);
    }));

  it("of GitLab does not leave for another host", () =>
    withTown(async (host) => {
      const rig = await rigAt(host, "site", "https://gitlab.example.org/acme/site.git");
      await patch(host, { gitlab_token: PLANTED });
      const body = { rig_id: rig, host: "gitlab.example.org", purpose: "push" };
      const refused = await ask(host, body);
      expect([refused.status, codeOf(refused)]).toEqual([403, "host_mismatch"]);
      await patch(host, { gitlab_url: "https://gitlab.example.org" });
      expect((await ask(host, body)).body).toMatchObject({ token: PLANTED, username: "oauth2" });
    }));
});
