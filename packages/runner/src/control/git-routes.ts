import {
  branchRequest,
  gatesRequest,
  mergeRequest,
  repoCheckRequest,
  saveWorkRequest,
  setupRigRequest,
  updateBranchRequest,
} from "@gastown/protocol";
import { Hono } from "hono";
import type { GitWorkspace } from "../git/index.ts";
import type { Registry } from "../sessions/registry.ts";
import type { Effects } from "./effects.ts";
import { jsonBody } from "./json-body.ts";

const accepted = { accepted: true } as const;
const CHECK_MS = 60_000;

/** `/repos/…`, `/git/…`, `/gates/…` and the withdrawal of effects (spec/runner.md §1). */
export function gitRoutes(git: GitWorkspace, effects: Effects, registry: Registry): Hono {
  const app = new Hono();
  app.post("/repos/check", async (c) => {
    const { git_url, branch, rig_id } = await jsonBody(c, repoCheckRequest);
    return c.json(await git.check(git_url, branch, AbortSignal.timeout(CHECK_MS), rig_id));
  });
  app.post("/repos/setup", async (c) => {
    const body = await jsonBody(c, setupRigRequest);
    effects.begin(body.effect_id, body.attempt, ({ signal }) => git.setupRig(body.rig, signal));
    return c.json(accepted, 202);
  });
  app.post("/git/branch", async (c) => {
    const body = await jsonBody(c, branchRequest);
    effects.begin(body.effect_id, body.attempt, ({ signal }) => git.branch(body, signal));
    return c.json(accepted, 202);
  });
  app.post("/gates/run", async (c) => {
    const body = await jsonBody(c, gatesRequest);
    effects.begin(body.effect_id, body.attempt, ({ signal }) => git.runGates(body, signal));
    return c.json(accepted, 202);
  });
  app.post("/git/save-work", async (c) => {
    const { effect_id, attempt, session_id, epoch } = await jsonBody(c, saveWorkRequest);
    const session = registry.get(session_id);
    session.mustHaveEpoch(epoch);
    effects.begin(effect_id, attempt, () => session.saveWork());
    return c.json(accepted, 202);
  });
  app.post("/git/update", async (c) => {
    const body = await jsonBody(c, updateBranchRequest);
    effects.begin(body.effect_id, body.attempt, ({ signal, canPush }) =>
      git.updateBranch(body, canPush, signal),
    );
    return c.json(accepted, 202);
  });
  app.post("/git/merge", async (c) => {
    const body = await jsonBody(c, mergeRequest);
    effects.begin(body.effect_id, body.attempt, ({ signal, canPush }) => git.merge(body, canPush, signal));
    return c.json(accepted, 202);
  });
  app.delete("/effects/:effectId", (c) => {
    effects.withdraw(c.req.param("effectId"));
    return c.json(accepted, 202);
  });
  return app;
}
