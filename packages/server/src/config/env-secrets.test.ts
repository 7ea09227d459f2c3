/** Secrets among a town's variables: sealed where they lie, masked for readers, open only at the runner. */
import { exportLines, type Sql } from "@gastown/town";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { began, TOWN, townsOn, type Answer, type TownHost } from "../testing/town-host.ts";
import { sealStoredEnv } from "./seal-stored-env.ts";

const T = `/api/towns/${TOWN}`;
const SECRET = "planted-secret-0123456789";
const CITY = "a-city-that-nobody-may-know";
const PERSON = { kind: "person", id: "user_local", name: "you" } as const;

const withTown = (test: (host: TownHost, sql: Sql) => Promise<void>): Promise<void> =>
  withSql((sql) => townsOn((give) => give(sql))((host) => test(host, sql)));

const set = (host: TownHost, body: object): Promise<Answer> => host.ask("PATCH", `${T}/config`, body);
const shown = async (host: TownHost): Promise<Record<string, string> | undefined> =>
  (await host.ask<{ config: { env?: Record<string, string> } }>("GET", `${T}/config`)).body.config.env;
const stored = (sql: Sql): string => JSON.stringify(sql.all("select * from config"));

async function start(host: TownHost, rigId: string): Promise<Record<string, unknown>> {
  const made = await host.ask<{ bead: { id: string } }>("POST", `${T}/rigs/${rigId}/sling`, {
    title: "Do it",
  });
  await began(host, made.body.bead.id);
  const call = host.calls.findLast(({ path }) => path.endsWith("/agents/start"));
  return call?.body["settings"] as Record<string, unknown>;
}

describe("a secret variable", () => {
  it("is sealed where it lies, masked for every reader, and open at the runner", () =>
    withTown(async (host, sql) => {
      const rig = await host.readyRig();
      const env = { DEPLOY_TOKEN: SECRET, CITY, PLAIN: "seen" };
      expect((await set(host, { env, $secret: ["env.CITY"] })).status).toBe(200);
      expect(await shown(host)).toEqual({ DEPLOY_TOKEN: "****6789", CITY: "****know", PLAIN: "seen" });
      const rigShown = await host.ask("GET", `${T}/rigs/${rig}/config`);
      const feed = await host.ask("GET", `${T}/events`);
      const lines = exportLines(sql, { program: "test", now: 0 });
      const all = [stored(sql), JSON.stringify([rigShown.body, feed.body]), ...lines].join("\n");
      for (const secret of [SECRET, CITY]) expect(all).not.toContain(secret);

      const settings = await start(host, rig);
      expect(settings["env"]).toEqual(env);
      expect(settings["secret_env"]).toEqual(["DEPLOY_TOKEN", "CITY"]);
      const synced = host.called("/sync-config");
      expect((await set(host, { env: { ...(await shown(host)), PLAIN: "else" } })).status).toBe(200);
      expect(JSON.stringify((await synced).body)).toContain(`"CITY":"${CITY}"`);
    }));

  it("survives a round trip of what was shown, and changes nothing by it", () =>
    withTown(async (host, sql) => {
      await set(host, { env: { CITY, API_KEY: SECRET }, $secret: ["env.CITY"] });
      const before = stored(sql);
      expect((await set(host, { env: await shown(host) })).body).toMatchObject({ changed: [] });
      expect(stored(sql)).toBe(before);
      expect((await set(host, { env: { CITY: "****know" } })).body).toMatchObject({ changed: ["env"] });
      expect(await shown(host)).toEqual({ CITY: "****know" });
    }));

  it("is marked by a value that is sent with it, and by nothing else", () =>
    withTown(async (host) => {
      for (const $secret of [["env.NOT_SENT"], ["default_model"]])
        expect(await set(host, { env: { CITY }, $secret })).toMatchObject({
          status: 400,
          body: { error: { code: "validation_failed" } },
        });
      const copied = "sealed:****abcd:v1.s1.AAAA.BBBB";
      await set(host, { env: { COPIED: copied } });
      expect(await shown(host)).toEqual({ COPIED: "****BBBB" });
      const settings = await start(host, await host.readyRig());
      expect(settings["env"]).toEqual({ COPIED: copied });
    }));

  it("may have as many bytes as any other, in every script, and the error speaks of bytes", () =>
    withTown(async (host) => {
      const rig = await host.readyRig();
      const longest = "\u5b57".repeat(2_730);
      expect(
        (await set(host, { env: { CITY: longest, API_KEY: longest }, $secret: ["env.CITY"] })).status,
      ).toBe(200);
      expect((await start(host, rig))["env"]).toEqual({ CITY: longest, API_KEY: longest });
      for (const value of ["x".repeat(8_193), `${longest}\u5b57`, "\u5b57".repeat(20_000)]) {
        const answer = await set(host, { env: { CITY: value }, $secret: ["env.CITY"] });
        expect(answer).toMatchObject({ status: 400, body: { error: { code: "validation_failed" } } });
        expect(JSON.stringify(answer.body)).toMatch(
          /env\.CITY has \d+ bytes of UTF-8; a variable may have 8192\./,
        );
        expect(JSON.stringify(answer.body)).not.toContain(value.slice(0, 20));
      }
      const token = await set(host, { credentials: { github_token: `${longest}\u5b57` } });
      expect(token.status).toBe(400);
      expect(JSON.stringify(token.body)).toContain(
        "credentials.github_token: must be at most 8192 bytes of UTF-8",
      );
    }));

  it("that this host cannot open lets nothing begin without it, and says what to do", () =>
    withTown(async (host, sql) => {
      const rig = await host.readyRig();
      await set(host, { env: { API_KEY: SECRET } });
      sql.run("update config set value = replace(value, ':v1.s1.', ':v1.gone.')");
      await host.ask("POST", `${T}/rigs/${rig}/sling`, { title: "Do it" });
      const reason = await host.until((town) => town.rig(rig).stateReason ?? undefined);
      expect(reason).toMatch(
        /^env\.API_KEY: sealed with a key .* Set it again: gastown config set env\.API_KEY=-$/,
      );
      expect(host.calls.filter(({ path }) => path.endsWith("/agents/start"))).toEqual([]);
    }));

  it("that an earlier gastown stored in the clear is sealed, once", () =>
    withTown(async (host, sql) => {
      const rig = await host.readyRig();
      const env = { API_KEY: SECRET, PLAIN: "seen" };
      host.actor.run((town) => town.setConfig({ env }, PERSON));
      host.actor.run((town) => town.setRigConfig(rig, { env: { OTHER_KEY: `${SECRET}-rig` } }, PERSON));
      expect(stored(sql)).toContain(SECRET);
      await sealStoredEnv(host.ports, host.actor);
      expect(stored(sql)).not.toContain(SECRET);
      const after = stored(sql);
      await sealStoredEnv(host.ports, host.actor);
      expect(stored(sql)).toBe(after);
      const settings = await start(host, rig);
      expect(settings["env"]).toEqual({ ...env, OTHER_KEY: `${SECRET}-rig` });
    }));
});
