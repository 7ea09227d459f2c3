/**
 * A small town on a real socket: the callbacks of spec/api.md §3.16 and an MCP endpoint per
 * session, with everything that arrived kept for the test to look at. It validates every body with
 * the contract's own schemas.
 */
import { createAdaptorServer } from "@hono/node-server";
import {
  drainedNotice,
  drainNotice,
  effectSettle,
  eventsRequest,
  gitTokenRequest,
  heartbeatRequest,
  nudgeAck,
  nudgesClaim,
  permissionAsked,
  permissionWithdrawn,
  prewarmRequest,
  registerRequest,
  sessionEnded,
  sessionSaved,
  sessionStatus,
  settleResult,
  turnEnded,
} from "@gastown/protocol";
import type {
  ClaimedNudge,
  EffectSettle,
  GitTokenAnswer,
  GitTokenRequest,
  HeartbeatAnswer,
  LaunchContext,
  PermissionAsked,
  PrimeContext,
  RegisterAnswer,
  RegisterRequest,
  SessionEnded,
  SessionSaved,
  SessionStatus,
  SettleResult,
  StartRequest,
  TranscriptItem,
  TurnEnded,
} from "@gastown/protocol";
import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import { Facts } from "./wait-for.ts";

type Verdict = HeartbeatAnswer["sessions"][number]["verdict"];
type Json = Record<string, unknown>;

const rpc = z.object({
  id: z.number().optional(),
  method: z.string(),
  params: z.record(z.string(), z.unknown()).optional(),
});

export interface ToolCall {
  readonly session: string;
  readonly tool: string;
  readonly args: Json;
  readonly token: string;
}

export interface ToolAnswer {
  readonly text: string;
  readonly isError?: boolean;
  readonly structured?: unknown;
}

export const BOOT_SECRET = "boot-secret-of-the-test";

export class FakeTown {
  readonly facts: Facts = new Facts();
  readonly registrations: RegisterRequest[] = [];
  readonly heartbeats: z.infer<typeof heartbeatRequest>[] = [];
  readonly statuses: (SessionStatus & { session: string })[] = [];
  readonly settles: (SettleResult & { session: string })[] = [];
  readonly saved: (SessionSaved & { session: string })[] = [];
  readonly ended: (SessionEnded & { session: string })[] = [];
  readonly turns: (TurnEnded & { session: string })[] = [];
  /** What waits for each session; a claim returns it until it is acknowledged. */
  readonly nudges: Map<string, ClaimedNudge[]> = new Map();
  readonly claims: { session: string; when: "idle" | "busy" }[] = [];
  readonly shown: string[] = [];
  readonly effects: (EffectSettle & { effect: string })[] = [];
  readonly drains: string[] = [];
  /** What the next start of the mayor will use; without a mayor by default. */
  launchContext: LaunchContext = { agent_id: null };
  /** What a prewarm opens, where it asks for the context's spec. */
  prewarms: StartRequest | null = null;
  /** Spec versions that were asked for. */
  readonly prewarmed: string[] = [];
  readonly drained: string[][] = [];
  readonly calls: ToolCall[] = [];
  /** Every request to the MCP endpoint, in the order of arrival; times of `performance.now()`. */
  readonly mcpRequests: { readonly method: string; readonly began: number; readonly ended: number }[] = [];
  /** Items by session, in the order of arrival; doubles are kept so that a test can see them. */
  readonly items: Map<string, TranscriptItem[]> = new Map();
  readonly listed: Set<string> = new Set();
  readonly verdicts: Map<string, Verdict> = new Map();
  readonly primes: Map<string, PrimeContext> = new Map();
  desired: StartRequest[] = [];
  /** All that it has; what it does not know it does not say. */
  known: RegisterAnswer["known"] = undefined;
  /** Paths (their beginnings) that are answered with 503. */
  readonly down: Set<string> = new Set();
  /** Permission requests, in the order of arrival. */
  readonly asked: (PermissionAsked & { session: string })[] = [];
  readonly withdrawn: string[] = [];
  /** What was decided, by request; it goes out with the answer to a heartbeat that waits for it. */
  readonly decisions: Map<string, "allow" | "deny"> = new Map();
  /** Answers a tool call instead of the default. */
  onCall: ((call: ToolCall) => Promise<ToolAnswer | null> | ToolAnswer | null) | null = null;
  /** Runs when a registration was taken; answers instead of the town where it gives something. */
  onRegister: (() => Promise<Response | undefined>) | null = null;
  /** The credential of every call, by the last part of its path. */
  readonly credentials: { readonly call: string; readonly token: string }[] = [];
  /** Credentials that are answered 401. */
  readonly refusedTokens: Set<string> = new Set();
  /** Renewed tokens for the next heartbeat answer, by session. */
  readonly renewals: Map<string, string> = new Map();
  readonly tokenRequests: GitTokenRequest[] = [];
  /** The town's answer to `runner/git-token`; by default it stores no credential. */
  onToken: (request: GitTokenRequest) => GitTokenAnswer | { code: string; message: string } = () => ({
    username: "",
    token: null,
    source: "host",
    forge: "git",
  });
  epoch = 10;
  toolsAreListed = true;
  /** A newer runner has registered: every call of this one is refused. */
  fenced = false;
  #server: ReturnType<typeof createAdaptorServer> | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    const server = createAdaptorServer({ fetch: this.#app().fetch });
    await new Promise<void>((done) => server.listen(this.#port, "127.0.0.1", () => done()));
    const address = server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
    return this;
  }

  /** The host is gone; `start` again brings it back on the same port. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    await new Promise<void>((done) => {
      server.close(() => done());
      if ("closeAllConnections" in server) server.closeAllConnections();
    });
  }

  itemsOf(session: string): TranscriptItem[] {
    return this.items.get(session) ?? [];
  }

  /** Everything that a session's agent said, joined. */
  said(session: string): string {
    return this.itemsOf(session)
      .map(({ data }) =>
        z.object({ update: z.object({ content: z.object({ text: z.string() }) }) }).safeParse(data),
      )
      .map((parsed) => (parsed.success ? parsed.data.update.content.text : ""))
      .join("");
  }

  endOf(session: string, timeoutMs?: number): Promise<SessionEnded> {
    return this.facts.until(
      `the end of ${session}`,
      () => this.ended.find((one) => one.session === session),
      timeoutMs,
    );
  }

  #app(): Hono {
    const app = new Hono();
    app.use(async (c, next) => {
      const path = c.req.path.replace(/^\/api\/towns\/[^/]+\//, "");
      if ([...this.down].some((prefix) => path.startsWith(prefix)))
        return c.json({ error: { code: "not_ready", message: "down" } }, 503);
      if (this.fenced && /^(runner|sessions\/[^/]+\/(?!mcp))/.test(path)) {
        return c.json({ error: { code: "runner_fenced", message: "a newer runner has registered" } }, 409);
      }
      const token = (c.req.header("authorization") ?? "").replace("Bearer ", "");
      if (!path.endsWith("/mcp")) this.credentials.push({ call: path.split("/").at(-1) ?? "", token });
      if (this.refusedTokens.has(token))
        return c.json({ error: { code: "token_invalid", message: "not taken (yet)" } }, 401);
      await next();
      return this.facts.changed();
    });
    const town = new Hono();
    this.#runnerRoutes(town);
    this.#sessionRoutes(town);
    app.route("/api/towns/:town", town);
    return app;
  }

  #runnerRoutes(town: Hono): void {
    town.post("/runner/register", async (c) => {
      if (c.req.header("authorization") !== `Bearer ${BOOT_SECRET}`) {
        return c.json({ error: { code: "token_invalid", message: "wrong boot secret" } }, 401);
      }
      const request = registerRequest.parse(await c.req.json());
      const again = this.registrations.at(-1)?.instance_id === request.instance_id;
      this.registrations.push(request);
      if (!again) this.epoch += 100;
      this.facts.changed();
      const instead = await this.onRegister?.();
      if (instead !== undefined) return instead;
      const desired = this.desired.map((start, i) => ({ ...start, epoch: this.epoch + i + 1, resume: true }));
      return c.json({
        epoch: this.epoch,
        token: `runner-token-${this.epoch}`,
        expires_at: new Date().toISOString(),
        heartbeat_seconds: 30,
        desired,
        ...(this.known === undefined ? {} : { known: this.known }),
      });
    });
    town.post("/runner/heartbeat", async (c) => {
      const body = heartbeatRequest.parse(await c.req.json());
      this.heartbeats.push(body);
      const sessions = body.sessions.map(({ session_id }) => {
        const token = this.renewals.get(session_id);
        this.renewals.delete(session_id);
        return {
          session_id,
          verdict: this.verdicts.get(session_id) ?? "ok",
          ...(token === undefined ? {} : { token }),
          nudges: this.nudges.get(session_id)?.length ?? 0,
        };
      });
      const permissions = body.sessions.flatMap(({ session_id, permissions: waiting }) =>
        (waiting ?? []).flatMap((request_id) => {
          const decision = this.decisions.get(request_id);
          return decision === undefined ? [] : [{ session_id, request_id, decision }];
        }),
      );
      return c.json({ sessions, permissions });
    });
    town.post("/runner/git-token", async (c) => {
      const body = gitTokenRequest.parse(await c.req.json());
      this.tokenRequests.push(body);
      const answer = this.onToken(body);
      return "code" in answer ? c.json({ error: answer }, 409) : c.json(answer);
    });
    town.post("/runner/events", async (c) => {
      const { batches } = eventsRequest.parse(await c.req.json());
      for (const { session_id, items } of batches) {
        this.items.set(session_id, [...this.itemsOf(session_id), ...items]);
      }
      const accepted = batches.map(({ session_id, items }) => ({
        session_id,
        seq_to: items.at(-1)?.seq ?? 0,
      }));
      return c.json({ accepted, fenced: [] });
    });
    town.post("/runner/effects/:effect/settle", async (c) => {
      this.effects.push({ ...effectSettle.parse(await c.req.json()), effect: c.req.param("effect") });
      return c.json({ recorded: true });
    });
    town.get("/mayor/launch-context", (c) => c.json(this.launchContext));
    town.post("/mayor/prewarm", async (c) => {
      const { spec_version } = prewarmRequest.parse(await c.req.json());
      this.prewarmed.push(spec_version);
      const isRight = this.launchContext.spec_version === spec_version;
      return c.json({ start: isRight ? this.prewarms : null });
    });
    town.post("/runner/drain", async (c) => {
      this.drains.push(drainNotice.parse(await c.req.json()).reason);
      return c.json({ acknowledged: true });
    });
    town.post("/runner/drained", async (c) => {
      this.drained.push(drainedNotice.parse(await c.req.json()).sessions);
      return c.json({ acknowledged: true });
    });
  }

  #sessionRoutes(town: Hono): void {
    town.post("/sessions/:session/status", async (c) => {
      const body = sessionStatus.parse(await c.req.json());
      const session = c.req.param("session");
      this.statuses.push({ ...body, session });
      return c.json({ ok: true, tools_listed: this.toolsAreListed && this.listed.has(session) });
    });
    town.post("/sessions/:session/settle", async (c) => {
      this.settles.push({ ...settleResult.parse(await c.req.json()), session: c.req.param("session") });
      return c.json({ recorded: true });
    });
    town.post("/sessions/:session/saved", async (c) => {
      this.saved.push({ ...sessionSaved.parse(await c.req.json()), session: c.req.param("session") });
      return c.json({ recorded: true });
    });
    town.post("/sessions/:session/ended", async (c) => {
      this.ended.push({ ...sessionEnded.parse(await c.req.json()), session: c.req.param("session") });
      return c.json({ recorded: true });
    });
    town.post("/sessions/:session/permission", async (c) => {
      const body = permissionAsked.parse(await c.req.json());
      this.asked.push({ ...body, session: c.req.param("session") });
      return c.json({ decision: this.decisions.get(body.title) ?? "pending" });
    });
    town.post("/sessions/:session/permission/withdraw", async (c) => {
      this.withdrawn.push(permissionWithdrawn.parse(await c.req.json()).request_id);
      return c.json({ recorded: true });
    });
    town.post("/sessions/:session/turn", async (c) => {
      this.turns.push({ ...turnEnded.parse(await c.req.json()), session: c.req.param("session") });
      return c.json({ ok: true });
    });
    town.post("/sessions/:session/nudges/claim", async (c) => {
      const session = c.req.param("session");
      const { when } = nudgesClaim.parse(await c.req.json());
      this.claims.push({ session, when });
      const waiting = this.nudges.get(session) ?? [];
      return c.json({ nudges: waiting.filter(({ mode }) => when === "idle" || mode === "now") });
    });
    town.post("/sessions/:session/nudges/:nudge/ack", async (c) => {
      const { delivered } = nudgeAck.parse(await c.req.json());
      const [session, nudge] = [c.req.param("session"), c.req.param("nudge")];
      if (delivered) this.shown.push(nudge);
      const left = (this.nudges.get(session) ?? []).filter(({ nudge_id }) => nudge_id !== nudge);
      this.nudges.set(session, left);
      return c.json({ recorded: true });
    });
    town.post("/sessions/:session/mcp", (c) => this.#mcp(c, c.req.param("session")));
  }

  async #mcp(c: Context, session: string): Promise<Response> {
    // A token of this session, first or renewed; not one that the scripted agent made up.
    if (c.req.header("authorization") === "Bearer of-somebody-else")
      return c.json({ error: { code: "scope_mismatch", message: "another session's token" } }, 403);
    // What the town's transport insists on, whatever it answers in.
    const accept = c.req.header("accept") ?? "";
    if (!accept.includes("application/json") || !accept.includes("text/event-stream"))
      return c.body(null, 406);
    const began = performance.now();
    const message = rpc.parse(await c.req.json());
    try {
      return await this.#answerMcp(c, session, message);
    } finally {
      this.mcpRequests.push({ method: message.method, began, ended: performance.now() });
    }
  }

  async #answerMcp(c: Context, session: string, message: z.infer<typeof rpc>): Promise<Response> {
    if (message.id === undefined) return c.body(null, 202);
    const answer = (result: Json): Response => c.json({ jsonrpc: "2.0", id: message.id, result });
    if (message.method === "initialize") {
      return answer({
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "town", version: "1" },
      });
    }
    if (message.method === "tools/list") {
      this.listed.add(session);
      const inputSchema = { type: "object", additionalProperties: true };
      return answer({
        tools: ["gt_prime", "gt_status", "gt_done"].map((name) => ({ name, inputSchema })),
      });
    }
    const params = z
      .object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) })
      .parse(message.params);
    const token = (c.req.header("authorization") ?? "").replace("Bearer ", "");
    const call: ToolCall = { session, tool: params.name, args: params.arguments, token };
    this.calls.push(call);
    this.facts.changed();
    const { text, isError = false, structured } = (await this.onCall?.(call)) ?? this.#default(call);
    return answer({
      content: [{ type: "text", text }],
      isError,
      ...(structured === undefined ? {} : { structuredContent: structured }),
    });
  }

  #default({ session, tool }: ToolCall): ToolAnswer {
    if (tool !== "gt_prime") return { text: "ok", structured: { ok: true } };
    return { text: "your context", structured: this.primes.get(session) };
  }
}
