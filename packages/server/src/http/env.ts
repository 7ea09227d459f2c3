/** What travels with one request through the chain. */
import type { ErrorCode, Role } from "@gastown/protocol";
import type { Context } from "hono";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Tags } from "./tags.ts";

/** Who sent a request, from its credential alone. */
export type Principal =
  | { kind: "anonymous" }
  | { kind: "user"; userId: string; name: string; cookie: boolean }
  | { kind: "runner"; instanceId: string; townId: string; epoch: number; expiresAt: number }
  | { kind: "session"; sessionId: string; townId: string; agentId: string; role: Role; epoch: number };

export type Delivery = "http" | "mcp" | "ws" | "runner" | "webhook";

interface AppVariables {
  requestId: string;
  /** The matched route's pattern, or `unmatched`. */
  pattern: string;
  tags: Tags;
  principal: Principal;
  operation: string;
  delivery: Delivery;
  errorCode: ErrorCode | undefined;
  requestBytes: number;
  responseBytes: number;
  replayed: boolean;
  /** Set by signing in and out. */
  setCookie: string | undefined;
}

export interface AppEnv {
  Variables: AppVariables;
}
export type App = OpenAPIHono<AppEnv>;
export type AppContext = Context<AppEnv>;
