import {
  askRequest,
  interruptRequest,
  messageRequest,
  modelRequest,
  pokeRequest,
  sessionEventsQuery,
  settleRequest,
  startRequest,
  stopRequest,
  syncRequest,
  systemPromptRequest,
} from "@gastown/protocol";
import { Hono } from "hono";
import type { Registry } from "../sessions/registry.ts";
import type { Effects } from "./effects.ts";
import { jsonBody, query } from "./json-body.ts";

const accepted = { accepted: true } as const;

/** `/agents/…` (spec/runner.md §1). */
export function agentRoutes(registry: Registry, effects: Effects): Hono {
  const app = new Hono();
  app.post("/agents/ask", async (c) => {
    const body = await jsonBody(c, askRequest);
    effects.begin(body.effect_id, body.attempt, ({ signal }) => registry.ask(body, signal));
    return c.json(accepted, 202);
  });
  app.post("/agents/start", async (c) => c.json(registry.start(await jsonBody(c, startRequest)), 202));
  app.post("/agents/:session/settle", async (c) => {
    const body = await jsonBody(c, settleRequest);
    const head_sha = await registry.get(c.req.param("session")).settle(body);
    return c.json({ ...accepted, head_sha }, 202);
  });
  app.post("/agents/:session/message", async (c) => {
    const body = await jsonBody(c, messageRequest);
    registry.get(c.req.param("session")).message(body);
    return c.json(accepted, 202);
  });
  app.post("/agents/:session/poke", async (c) => {
    const { epoch } = await jsonBody(c, pokeRequest);
    registry.get(c.req.param("session")).poke(epoch);
    return c.json(accepted, 202);
  });
  app.post("/agents/:session/interrupt", async (c) => {
    const { epoch } = await jsonBody(c, interruptRequest);
    registry.get(c.req.param("session")).interrupt(epoch);
    return c.json(accepted, 202);
  });
  app.post("/agents/:session/stop", async (c) => {
    const { epoch, mode } = await jsonBody(c, stopRequest);
    const session = registry.get(c.req.param("session"));
    session.mustHaveEpoch(epoch);
    session.stop(mode, { code: "stopped", message: "The town asked it to stop." });
    return c.json(accepted, 202);
  });
  app.patch("/agents/:session/model", async (c) => {
    const body = await jsonBody(c, modelRequest);
    const answer = await registry.get(c.req.param("session")).chooseModel(body);
    return c.json(answer, answer.applied === "pending" ? 202 : 200);
  });
  app.put("/agents/:session/system-prompt", async (c) => {
    const { epoch, system, modes } = await jsonBody(c, systemPromptRequest);
    const session = registry.get(c.req.param("session"));
    session.mustHaveEpoch(epoch);
    return c.json({ change: session.change({ system, modes }) });
  });
  app.post("/sync-config", async (c) => c.json(registry.sync(await jsonBody(c, syncRequest))));
  app.get("/agents/:session/status", (c) => {
    const session = registry.get(c.req.param("session"));
    const { agent, role, runtime } = session.request;
    return c.json({ ...session.view, agent, role, runtime });
  });
  app.get("/agents/:session/events", (c) => {
    const { after, limit } = query(c, sessionEventsQuery);
    return c.json(registry.get(c.req.param("session")).events(after, limit));
  });
  app.get("/logs/stderr/:session", (c) => c.text(registry.get(c.req.param("session")).stderrTail));
  return app;
}
