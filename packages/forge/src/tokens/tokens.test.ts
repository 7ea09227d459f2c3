import type { RigCredentials, TownCredentials } from "@gastown/protocol";
import { beforeAll, describe, expect, it } from "vitest";
import { pkcs8 } from "./pkcs8.ts";
import { createTokenResolver, type ResolveForgeToken } from "./resolve.ts";
import { appExchange, makeAppKeys, type AppExchange, type AppKeys } from "./testing/app-exchange.ts";
import { GITHUB } from "./types.ts";

let keys: AppKeys;
beforeAll(async () => {
  keys = await makeAppKeys();
});

interface Fixture {
  exchange: AppExchange;
  clock: { time: number };
  warned: string[];
  /** A resolution for `acme/site` on github.com where nothing else is said. */
  ask: (
    town: TownCredentials,
    more?: { rig?: RigCredentials; host?: string; repository?: string },
  ) => ReturnType<ResolveForgeToken>;
}

function fixture(): Fixture {
  const clock = { time: Date.UTC(2026, 0, 5) };
  const exchange = appExchange(keys, "7", () => clock.time);
  const warned: string[] = [];
  const resolve = createTokenResolver({
    fetch: exchange.fetch,
    now: () => clock.time,
    warn: (source, reason) => void warned.push(`${source}: ${reason}`),
    github: GITHUB,
  });
  return {
    exchange,
    clock,
    warned,
    ask: (town, { rig = {}, host = "github.com", repository = "acme/site" } = {}) =>
      resolve({ host, repository, credentials: { town, rig } }),
  };
}

const app = (): NonNullable<TownCredentials["github_app"]> => ({ id: 7, installation: "70", key: keys.pem });

describe("the chain of GitHub", () => {
  it("takes the command line's token first, then the live integration, then the stored token", async () => {
    const { ask } = fixture();
    const all = { github_cli_pat: "pat", github_app: app(), github_token: "last" };
    const { github_cli_pat: _pat, ...withoutPat } = all;
    expect(await ask(all)).toMatchObject({ token: "pat", source: "github_cli_pat", tried: [] });
    expect(await ask(withoutPat)).toMatchObject({
      token: "ghs_70_1",
      source: "town integration",
      username: "x-access-token",
      tried: ["github_cli_pat"],
    });
    expect(await ask({ github_token: "last" })).toMatchObject({
      token: "last",
      source: "github_token",
      tried: ["github_cli_pat", "integration (none configured)"],
    });
    expect(await ask({})).toEqual({
      ok: false,
      reason: "nothing_stored",
      provider: "github",
      tried: ["github_cli_pat", "integration (none configured)", "github_token"],
    });
  });

  const broken: readonly [string, () => Response | Error, RegExp][] = [
    ["is empty", () => Response.json({}, { status: 201 }), /gave no token/],
    [
      "gives an empty token",
      () => Response.json({ token: "", expires_at: "2030-01-01T00:00:00Z" }),
      /no token/,
    ],
    [
      "gives an expired one",
      () => Response.json({ token: "x", expires_at: "2020-01-01T00:00:00Z" }),
      /expired/,
    ],
    ["is not JSON", () => new Response("<html>"), /gave no token/],
    ["fails", () => Response.json({ message: "Bad credentials" }, { status: 401 }), /401: Bad credentials/],
    ["is suspended", () => Response.json({ message: "suspended" }, { status: 403 }), /403: suspended/],
    ["is down", () => new Response("", { status: 503 }), /503/],
    ["cannot be reached", () => new TypeError("fetch failed"), /could not be reached/],
  ];
  it.each(broken)("warns and falls through when the integration %s", async (_how, answer, why) => {
    const { ask, exchange, warned } = fixture();
    exchange.answer = answer();
    const passed = expect.stringMatching(new RegExp(`^town integration \\(not available: .*${why.source}`));
    expect(await ask({ github_app: app(), github_token: "last" })).toMatchObject({
      token: "last",
      tried: ["github_cli_pat", passed],
    });
    expect(await ask({ github_app: app() })).toMatchObject({
      ok: false,
      reason: "no_token",
      tried: ["github_cli_pat", passed, "github_token"],
    });
    expect(warned).toHaveLength(2);
    expect(warned[0]).toMatch(why);
  });

  it("says which part of the app is missing, and never shows a key that it cannot read", async () => {
    const { ask, warned } = fixture();
    const { key: _key, ...withoutKey } = app();
    await ask({ github_app: withoutKey });
    await ask({ github_app: { ...app(), key: "planted-secret" } });
    expect(warned).toEqual([
      "town integration: credentials.github_app.key not set",
      "town integration: its private key cannot be read",
    ]);
  });

  it("reads the key in the form in which GitHub gives it", async () => {
    expect(pkcs8(keys.pkcs1).replaceAll("\n", "")).toBe(keys.pem.replaceAll("\n", ""));
    const { ask } = fixture();
    const oneLine = keys.pkcs1.replaceAll("\n", String.raw`\n`);
    expect(await ask({ github_app: { ...app(), key: oneLine } })).toMatchObject({ token: "ghs_70_1" });
  });

  it("refuses an app that signs with another key", async () => {
    const { ask } = fixture();
    const other = await makeAppKeys();
    expect(await ask({ github_app: { ...app(), key: other.pem } })).toMatchObject({ ok: false });
  });
});

describe("a rig with an installation of its own", () => {
  const rig = (installation: string): RigCredentials => ({ github_app: { installation } });

  it("has that one, and the others have the town's", async () => {
    const { ask } = fixture();
    const town = { github_app: app() };
    expect(await ask(town, { rig: rig("71") })).toMatchObject({
      token: "ghs_71_1",
      source: "rig integration",
    });
    expect(await ask(town)).toMatchObject({ token: "ghs_70_2", source: "town integration" });
  });

  it("never falls back to the town's or to another rig's", async () => {
    const { ask, exchange, warned } = fixture();
    const town = { github_app: app() };
    await ask(town);
    await ask(town, { rig: rig("72") });
    exchange.answer = Response.json({ message: "Not Found" }, { status: 404 });
    expect(await ask(town, { rig: rig("71") })).toMatchObject({
      ok: false,
      tried: [
        "github_cli_pat",
        "rig integration (not available: the forge answered 404: Not Found)",
        "github_token",
      ],
    });
    expect(warned).toEqual(["rig integration: the forge answered 404: Not Found"]);
  });

  it("gets a token for its own repository only", async () => {
    const { ask, exchange } = fixture();
    const town = { github_app: app() };
    await ask(town, { repository: "acme/one" });
    await ask(town, { repository: "acme/two" });
    await ask(town, { repository: "acme/one" });
    expect(exchange.minted).toEqual(['70 {"repositories":["one"]}', '70 {"repositories":["two"]}']);
  });
});

describe("an installation token", () => {
  it("is kept until five minutes before it expires", async () => {
    const { ask, exchange, clock } = fixture();
    const town = { github_app: app() };
    const at = async (minutes: number): Promise<number> => {
      clock.time = Date.UTC(2026, 0, 5) + minutes * 60_000;
      await ask(town);
      return exchange.minted.length;
    };
    expect([await at(0), await at(54), await at(55), await at(56)]).toEqual([1, 1, 2, 2]);
  });

  it("that lives shorter than that is minted at each use", async () => {
    const { ask, exchange } = fixture();
    exchange.lifeMs = 2_000;
    await ask({ github_app: app() });
    await ask({ github_app: app() });
    expect(exchange.minted).toHaveLength(2);
  });

  it("is minted once for many who ask at once", async () => {
    const { ask, exchange } = fixture();
    await Promise.all(Array.from({ length: 10 }, () => ask({ github_app: app() })));
    expect(exchange.minted).toHaveLength(1);
  });

  it("is not given on when the app's key was replaced", async () => {
    const { ask } = fixture();
    expect(await ask({ github_app: app() })).toMatchObject({ ok: true });
    const other = await makeAppKeys();
    expect(await ask({ github_app: { ...app(), key: other.pem } })).toMatchObject({ ok: false });
  });

  it("is tried anew after a failure", async () => {
    const { ask, exchange } = fixture();
    exchange.answer = new Response("", { status: 500 });
    expect(await ask({ github_app: app() })).toMatchObject({ ok: false });
    exchange.answer = null;
    expect(await ask({ github_app: app() })).toMatchObject({ ok: true });
  });
});

describe("a token leaves for its own host only", () => {
  const all: TownCredentials = { github_cli_pat: "gh", github_token: "gh2", gitlab_token: "gl" };

  it("of GitLab: gitlab.com, or the one that is set", async () => {
    const { ask } = fixture();
    expect(await ask(all, { host: "gitlab.com" })).toMatchObject({
      token: "gl",
      username: "oauth2",
      source: "gitlab_token",
    });
    expect(await ask(all, { host: "gitlab.example.org" })).toEqual({
      ok: false,
      reason: "host_mismatch",
      expected: "gitlab.com",
      got: "gitlab.example.org",
      tried: [],
    });
    const own = { ...all, gitlab_url: "https://code.example.org:8443/git" };
    expect(await ask(own, { host: "code.example.org:8443" })).toMatchObject({ token: "gl" });
    expect(await ask(own, { host: "gitlab.com" })).toMatchObject({
      reason: "host_mismatch",
      expected: "code.example.org:8443",
    });
    // Another port is another host, and a host that is no GitLab at all gets nothing either.
    for (const host of ["code.example.org", "code.example.org:8443.evil.org", "evil.org"])
      expect(await ask(own, { host })).toMatchObject({ ok: false, reason: "nothing_stored" });
  });

  it.each(["evil.org", "github.com.evil.org", "github.com:444", "api.github.com"])(
    "of GitHub: not for %s",
    async (host) => {
      expect(await fixture().ask(all, { host })).toMatchObject({ ok: false, provider: "git" });
    },
  );

  it("of another git host: the rig's own user and password, or what the host's git knows", async () => {
    const { ask } = fixture();
    const host = "git.example.org";
    const rig = { git_username: "ann", git_password: "pw" };
    expect(await ask(all, { host, rig })).toMatchObject({ token: "pw", username: "ann" });
    expect(await ask(all, { host, rig: { git_username: "ann" } })).toMatchObject({
      ok: false,
      reason: "nothing_stored",
      username: "ann",
    });
    expect(await ask(all, { host: "github.com", rig })).toMatchObject({ token: "gh" });
  });
});
