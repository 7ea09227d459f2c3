/**
 * What sessions are launched with (spec/runner.md §3): one function for starts, prewarms and changes.
 * The failures: a prewarmed mayor with yesterday's model, a setting that was removed and still holds.
 */
import type { TownConfig } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import type { EffectRequest, SessionLaunchPlan } from "../town.ts";
import { harness, PERSON, type Harness } from "./harness.ts";

const requests = <K extends EffectRequest["kind"]>(h: Harness, kind: K) =>
  h.carriedOut.filter((request): request is Extract<EffectRequest, { kind: K }> => request.kind === kind);
const lastPlan = (h: Harness) => requests(h, "start_session").at(-1)?.plan;
const mayorSession = (h: Harness) => h.town.session(h.town.mayor().sessionId ?? "");

function say(h: Harness, message: string): string {
  const { messageId } = h.town.messageMayor({ message }, PERSON);
  h.settle();
  return messageId;
}

function turnEnds(h: Harness, messageId: string): void {
  const { id, epoch } = mayorSession(h);
  const turn = { epoch, ended_at: h.now(), stop_reason: "end_turn", message_id: messageId };
  h.town.post({ type: "turn_ended", sessionId: id, turn });
  h.settle();
}

function set(h: Harness, config: TownConfig): void {
  h.town.setConfig(config, PERSON);
}

/** A town whose mayor has run once and rests. */
function rested(sql: Parameters<typeof harness>[0]): Harness {
  const h = harness(sql);
  turnEnds(h, say(h, "hello"));
  h.advance(5 * 60_000 + 1);
  expect(h.town.mayor().status).toBe("idle");
  return h;
}

/** All that is the launch's, of a context, a start or a change; never the version of the settings. */
function launchOf(plan: SessionLaunchPlan | null | undefined) {
  if (!plan) return plan;
  const { runtime, model, small_model, author, coauthor, instructions, peers, settings } = plan;
  const { config_version: _, ...rest } = settings;
  return { runtime, model, small_model, author, coauthor, instructions, peers, settings: rest };
}

const SETTINGS: [string, TownConfig][] = [
  ["default_model", { default_model: "big" }],
  ["role_models.mayor", { role_models: { mayor: "bigger" } }],
  ["small_model", { small_model: "small" }],
  ["env", { env: { COLOR: "green" } }],
  ["instructions.mayor", { instructions: { mayor: "Be brief." } }],
  ["instructions.polecat, which shares its process", { instructions: { polecat: "Test first." } }],
  ["permissions.mayor", { permissions: { mayor: "deny" } }],
  ["role_runtimes.mayor", { role_runtimes: { mayor: "kilo" } }],
  ["runtime", { runtime: "kilo" }],
  ["git.author_name", { git: { author_name: "Bot" } }],
  ["git.ai_coauthor", { default_model: "big", git: { ai_coauthor: false } }],
  ["runner.sessions_per_process", { runner: { sessions_per_process: 3 } }],
  ["runner.process_idle_minutes", { runner: { process_idle_minutes: 7 } }],
  ["runner.process_memory_mb", { runner: { process_memory_mb: 512 } }],
];

describe("what a runner is told of the mayor's next start", () => {
  it.each(SETTINGS)("is what that start uses: %s", (_name, config) =>
    withSql((sql) => {
      const h = rested(sql);
      const before = launchOf(h.town.mayorContext().launch);
      set(h, config);
      const told = h.town.mayorContext();
      expect(launchOf(told.launch)).not.toEqual(before);
      const plan = h.town.prewarmMayor(told.launch?.settings.config_version ?? -1);
      expect(launchOf(plan)).toEqual(launchOf(told.launch));
      h.settle();
      expect(launchOf(lastPlan(h))).toEqual(launchOf(told.launch));
      expect(h.town.mayorContext().sessionId).toBe(plan?.session_id);
    }),
  );

  it("is nothing without a mayor, and its id alone where it cannot be started", () =>
    withSql((sql) => {
      const h = harness(sql);
      expect(h.town.mayorContext()).toEqual({ agent: null, sessionId: null, launch: null });
      expect(h.town.prewarmMayor(h.town.configVersion())).toBeNull();
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "runtime_missing", message: "it is not logged in" },
      });
      h.town.ensureMayor(PERSON);
      h.settle();
      expect(h.town.mayorContext()).toMatchObject({ agent: { name: "Mayor" }, launch: null });
      expect(h.town.prewarmMayor(h.town.configVersion())).toBeNull();
      set(h, { default_model: "m" });
      expect(h.town.mayorContext().launch).toMatchObject({ model: "m" });
    }));
});

describe("a prewarmed mayor", () => {
  it("is the session that the first message goes to", () =>
    withSql((sql) => {
      const h = rested(sql);
      const plan = h.town.prewarmMayor(h.town.configVersion());
      h.settle();
      expect(h.town.prewarmMayor(h.town.configVersion())).toBeNull();
      const starts = requests(h, "start_session").length;
      say(h, "hello again");
      expect(requests(h, "start_session")).toHaveLength(starts);
      expect(requests(h, "message_session").at(-1)).toMatchObject({
        sessionId: plan?.session_id,
        text: "hello again",
      });
      const labels = h.town.feed({ after: 0, limit: 1_000, kind: "mayor.prewarmed" });
      expect(labels.map(({ data }) => data["label"])).toEqual(["used"]);
    }));

  it("that nobody talked to is let go, and said to have been of no use", () =>
    withSql((sql) => {
      const h = rested(sql);
      h.town.prewarmMayor(h.town.configVersion());
      h.advance(30 * 60_000);
      expect(h.town.mayor().status).toBe("idle");
      const labels = h.town.feed({ after: 0, limit: 1_000, kind: "mayor.prewarmed" });
      expect(labels.map(({ data }) => data["label"])).toEqual(["unused"]);
      expect(requests(h, "start_session")).toHaveLength(2);
    }));

  it("is not opened with settings that changed since it was asked for", () =>
    withSql((sql) => {
      const h = rested(sql);
      const asked = h.town.configVersion();
      set(h, { default_model: "new" });
      expect(h.town.prewarmMayor(asked)).toBeNull();
      expect(h.town.mayor().status).toBe("idle");
    }));

  it("never answers with the model of before: the runner has the new one before the message", () =>
    withSql((sql) => {
      const h = rested(sql);
      h.town.prewarmMayor(h.town.configVersion());
      h.settle();
      const given = requests(h, "message_session").length;
      h.on.sync_config = () => "lost";
      set(h, { default_model: "new" });
      say(h, "hello again");
      expect(requests(h, "message_session")).toHaveLength(given);
      delete h.on.sync_config;
      h.advance(60_000);
      const kinds = h.carriedOut.slice(-2).map(({ kind }) => kind);
      expect(kinds).toEqual(["sync_config", "message_session"]);
      const [sync] = requests(h, "sync_config").slice(-1);
      expect(sync?.sessions.map(({ launch }) => launch.model)).toEqual(["new"]);
      expect(mayorSession(h).model).toBe("new");
    }));
});

describe("a change of settings", () => {
  it("sends the runner every live session as it should be, and begins none anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      turnEnds(h, say(h, "hello"));
      const starts = requests(h, "start_session").length;
      h.town.setRigConfig(h.rig, { env: { COLOR: "green" } }, PERSON);
      h.settle();
      const [sync] = requests(h, "sync_config");
      const env = Object.fromEntries(
        (sync?.sessions ?? []).map(({ launch }) => [launch.role, launch.settings.env]),
      );
      expect(env).toEqual({ mayor: {}, polecat: { COLOR: "green" } });
      expect(requests(h, "start_session")).toHaveLength(starts);
      expect(h.town.session(h.session(bead.id)).state).toBe("running");
      const applied = h.town.feed({ after: 0, limit: 1_000, kind: "config.applied" });
      expect(applied.map(({ data }) => data["version"])).toEqual([h.town.configVersion()]);
    }));

  it("that comes while one is under way is sent after it: the last one wins", () =>
    withSql((sql) => {
      const h = harness(sql);
      turnEnds(h, say(h, "hello"));
      h.on.sync_config = () => "lost";
      set(h, { default_model: "one" });
      h.settle();
      set(h, { default_model: "two" });
      set(h, { default_model: "three" });
      delete h.on.sync_config;
      h.advance(60_000);
      const models = requests(h, "sync_config").map(({ sessions }) => sessions[0]?.launch.model);
      expect(models[0]).toBe("one");
      expect(models.at(-1)).toBe("three");
      expect(models).not.toContain("two");
    }));

  it("without a live session sends nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      set(h, { default_model: "one" });
      h.settle();
      expect(requests(h, "sync_config")).toEqual([]);
    }));

  it.each(SETTINGS)("and its removal leave nothing behind: %s", (_name, config) =>
    withSql((sql) => {
      const h = harness(sql);
      turnEnds(h, say(h, "hello"));
      const first = launchOf(lastPlan(h));
      set(h, config);
      h.settle();
      const stored = h.town.config().config;
      expect(stored).toEqual(config);
      set(h, {});
      h.settle();
      // Where the session still lives (not of another runtime), it was told so.
      const told =
        requests(h, "sync_config")
          .at(-1)
          ?.sessions.map(({ launch }) => launchOf(launch)) ?? [];
      expect(told.filter((launch) => launch?.runtime === first?.runtime)).toEqual(told.map(() => first));
      turnEnds(h, say(h, "and now?"));
      expect(launchOf(h.town.mayorContext().launch)).toEqual(first);
      h.advance(5 * 60_000 + 1);
      say(h, "and after a rest?");
      expect(launchOf(lastPlan(h))).toEqual(first);
    }),
  );

  it("to another runtime ends the mayor between turns; the next one is told what was said", () =>
    withSql((sql) => {
      const h = harness(sql);
      const message = say(h, "remember the blue door");
      const { id, epoch } = mayorSession(h);
      const turn = { turn: 1, phase: "started", messageId: message, text: "remember the blue door" };
      const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "I will." } };
      h.town.appendTranscript(h.town.runnerEpoch(), {
        batches: [
          {
            session_id: id,
            epoch,
            items: [
              { seq: 1, at: h.now(), type: "turn", data: turn },
              { seq: 2, at: h.now(), type: "update", data: { update } },
            ],
          },
        ],
      });
      set(h, { role_runtimes: { mayor: "kilo" } });
      h.settle();
      expect(mayorSession(h).runtime).toBe("scripted");
      turnEnds(h, message);
      expect(h.town.mayor().status).toBe("idle");
      say(h, "which door?");
      expect(lastPlan(h)).toMatchObject({
        runtime: "kilo",
        resume_from: null,
        recap: [{ asked: "remember the blue door", said: "I will.", tools: [] }],
      });
      h.town.stopMayor({ newConversation: true }, PERSON);
      h.settle();
      say(h, "something new");
      expect(lastPlan(h)?.recap).toEqual([]);
    }));
});

describe("a model that a person chose for a session", () => {
  it("holds for that session whatever the settings say, and for no other", () =>
    withSql((sql) => {
      const h = harness(sql);
      turnEnds(h, say(h, "hello"));
      h.on.change_model = () => ({ type: "done", result: "live" });
      const { changeId } = h.town.chooseMayorModel({ model: "mine" }, PERSON);
      expect(h.town.changeState(changeId ?? "")).toEqual({ type: "pending" });
      h.settle();
      expect(h.town.changeState(changeId ?? "")).toEqual({ type: "done", result: "live" });
      set(h, { default_model: "theirs" });
      h.settle();
      expect(requests(h, "sync_config").at(-1)?.sessions[0]?.launch.model).toBe("mine");
      h.advance(5 * 60_000 + 1);
      say(h, "again");
      expect(lastPlan(h)?.model).toBe("theirs");
    }));

  it("while none lives is the next session's, once", () =>
    withSql((sql) => {
      const h = harness(sql);
      expect(h.town.chooseMayorModel({ model: "mine", smallModel: "tiny" }, PERSON).changeId).toBeNull();
      turnEnds(h, say(h, "hello"));
      expect(lastPlan(h)).toMatchObject({ model: "mine", small_model: "tiny" });
      h.advance(5 * 60_000 + 1);
      say(h, "again");
      expect(lastPlan(h)).toMatchObject({ model: null, small_model: null });
    }));

  it("that the runner does not offer leaves the session with what it had", () =>
    withSql((sql) => {
      const h = harness(sql);
      turnEnds(h, say(h, "hello"));
      const reason = { code: "validation_failed", message: "there is no such model" };
      h.on.change_model = () => ({ type: "refused", reason });
      const { changeId } = h.town.changeModel(mayorSession(h).id, { model: "nope" }, PERSON);
      h.settle();
      expect(h.town.changeState(changeId)).toEqual({ type: "refused", message: "there is no such model" });
      expect(mayorSession(h).model).toBeNull();
      set(h, { default_model: "theirs" });
      h.settle();
      expect(mayorSession(h).model).toBe("theirs");
    }));
});
