/**
 * What a runner is told of the mayor, what it may open, and how changes reach what lives
 * (spec/api.md §3.16). The failure: a prewarmed mayor that is not the one that would have started.
 */
import { launchContext, prewarmAnswer, syncRequest } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { INSTANCE, TOWN, townsOn, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;
const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

const asRunner = (host: TownHost) => ({ authorization: `Bearer ${host.runnerToken}` });
const contextOf = async (host: TownHost) =>
  launchContext.parse((await host.ask("GET", `${T}/mayor/launch-context`, undefined, asRunner(host))).body);
const prewarm = async (host: TownHost, spec_version: string) =>
  prewarmAnswer.parse((await host.report("/mayor/prewarm", { spec_version })).body).start;

/** What the next start of the mayor was, of the runner's calls. */
async function started(host: TownHost) {
  const { body } = await host.called("/agents/start");
  return body as { session_id: string; epoch: number; model: string | null; small_model: string | null };
}

async function idle(
  host: TownHost,
  { session_id, epoch }: { session_id: string; epoch: number },
): Promise<void> {
  const session = {
    session_id,
    epoch,
    state: "idle",
    last_event_at: null,
    active_tools: [],
    prompted: true,
    usage,
  };
  await host.report("/runner/heartbeat", { instance_id: INSTANCE, draining: false, sessions: [session] });
}

/** A mayor that ran once and was let go. */
async function rested(host: TownHost): Promise<void> {
  await host.register();
  await host.ask("POST", `${T}/mayor/ensure`, {});
  const start = await started(host);
  await idle(host, start);
  const reason = { code: "idle", message: "" };
  const ended = { epoch: start.epoch, outcome: "completed", reason, work_ref: null, usage };
  await host.report(`/sessions/${start.session_id}/ended`, ended);
  await host.until((town) => (town.mayor().status === "idle" ? true : undefined));
}

describe("the mayor's launch context", () => {
  it("is for runners only, and without a mayor names none", () =>
    withTown(async (host) => {
      await host.register();
      expect(await contextOf(host)).toEqual({ agent_id: null });
      expect((await host.ask("GET", `${T}/mayor/launch-context`)).status).toBe(401);
      expect((await host.ask("POST", `${T}/mayor/prewarm`, { spec_version: "x" })).status).toBe(401);
    }));

  it("is complete, holds no secret, and its version changes with every part of a launch", () =>
    withTown(async (host) => {
      await rested(host);
      const first = await contextOf(host);
      expect(first).toMatchObject({
        organization: null,
        runtime: "scripted",
        model: null,
        small_model: null,
      });
      expect(first).not.toHaveProperty("session_id");
      const versions = new Set([first.spec_version]);
      const changes = [
        { env: { API_KEY: "planted-secret-value" } },
        { instructions: { mayor: "Be brief." } },
        { default_model: "big" },
        { small_model: "small" },
        { permissions: { mayor: "deny" } },
      ];
      for (const change of changes) {
        await host.ask("PATCH", `${T}/config`, change);
        const context = await contextOf(host);
        versions.add(context.spec_version);
        expect(JSON.stringify(context)).not.toContain("planted-secret");
      }
      expect(versions.size).toBe(changes.length + 1);
      await host.ask("PATCH", `${T}/config`, {
        $unset: ["env", "instructions", "default_model", "small_model", "permissions"],
      });
      expect((await contextOf(host)).spec_version).toBe(first.spec_version);
    }));
});

describe("a prewarm", () => {
  it("opens exactly what the next start is, and only once", () =>
    withTown(async (host) => {
      await rested(host);
      await host.ask("PATCH", `${T}/config`, { default_model: "big", small_model: "small" });
      const context = await contextOf(host);
      const start = await prewarm(host, context.spec_version ?? "");
      expect(start).toMatchObject({
        role: "mayor",
        model: "big",
        small_model: "small",
        runtime: context.runtime,
      });
      expect(await started(host)).toMatchObject({
        session_id: start?.session_id,
        epoch: start?.epoch,
        model: start?.model,
        system: start?.system,
        modes: start?.modes,
        settings: start?.settings,
      });
      expect(await prewarm(host, context.spec_version ?? "")).toBeNull();
      expect((await contextOf(host)).session_id).toBe(start?.session_id);
    }));

  it("of settings that are no longer those is refused", () =>
    withTown(async (host) => {
      await rested(host);
      const { spec_version = "" } = await contextOf(host);
      await host.ask("PATCH", `${T}/config`, { default_model: "big" });
      expect(await prewarm(host, spec_version)).toBeNull();
      expect(host.actor.read((town) => town.mayor().status)).toBe("idle");
    }));
});

describe("what lives", () => {
  it("is told of new settings, and of a model that a person chose", () =>
    withTown(async (host) => {
      await host.register();
      await host.ask("POST", `${T}/mayor/ensure`, {});
      const start = await started(host);
      await idle(host, start);
      await host.ask("PATCH", `${T}/config`, { default_model: "big", env: { COLOR: "green" } });
      const sync = syncRequest.parse((await host.called("/sync-config")).body);
      expect(sync).toMatchObject({
        config_version: host.actor.read((town) => town.configVersion()),
        sessions: [
          { session_id: start.session_id, launch: { model: "big", settings: { env: { COLOR: "green" } } } },
        ],
      });
      const chosen = await host.ask("PATCH", `${T}/mayor/model`, { model: "mine", smallModel: "tiny" });
      expect(chosen.body).toEqual({ applied: "live" });
      expect((await host.called("/model")).body).toEqual({
        epoch: start.epoch,
        model: "mine",
        small_model: "tiny",
      });
      expect(host.actor.read((town) => town.mayor().model)).toBe("mine");
      const path = `${T}/sessions/${start.session_id}/model`;
      expect((await host.ask("PATCH", path, { model: "other" })).body).toEqual({ applied: "live" });
      expect((await host.ask("POST", `${T}/sessions/${start.session_id}/interrupt`, {})).status).toBe(202);
      expect((await host.called("/interrupt")).body).toEqual({ epoch: start.epoch });
    }));

  it("keeps a model that is persisted as a setting once it was taken", () =>
    withTown(async (host) => {
      await host.register();
      const change = { model: "mine", smallModel: "tiny", persist: true };
      expect((await host.ask("PATCH", `${T}/mayor/model`, change)).body).toEqual({ applied: "next_start" });
      expect(host.actor.read((town) => town.config().config)).toMatchObject({
        role_models: { mayor: "mine" },
        small_model: "tiny",
      });
      await host.ask("POST", `${T}/mayor/ensure`, {});
      expect(await started(host)).toMatchObject({ model: "mine", small_model: "tiny" });
    }));
});
