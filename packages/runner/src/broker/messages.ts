/** What goes over the broker's socket: one JSON line each way (spec/runner.md §5). */
import { z } from "zod";

const capability = z.string().min(20).max(200);

export const brokerRequest = z.discriminatedUnion("ask", [
  z.strictObject({
    ask: z.literal("credential"),
    capability,
    /** Null: the rig's own. */
    host: z.string().min(1).max(300).nullable(),
    protocol: z.string().max(20),
    purpose: z.enum(["fetch", "push", "api"]),
    program: z.enum(["git", "gh", "glab"]),
    /** Of the process that asks. */
    pid: z.int(),
  }),
  /** Who the session is and what is its own. */
  z.strictObject({ ask: z.literal("context"), capability }),
]);
export type BrokerRequest = z.infer<typeof brokerRequest>;

const context = z.strictObject({
  /** The branch that the session may push; null: none. */
  branch: z.string().nullable(),
  /** Of the rig's url; null: a path. */
  host: z.string().nullable(),
  /** `owner/name`; null: a path. */
  repository: z.string().nullable(),
});
export type SessionContext = z.infer<typeof context>;

export const brokerAnswer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("credential"),
    username: z.string(),
    /** Null: what the host itself is configured with counts. */
    token: z.string().nullable(),
    expires_at: z.string().optional(),
    forge: z.enum(["github", "gitlab", "git"]),
    host: z.string(),
  }),
  z.strictObject({ kind: z.literal("context"), context }),
  z.strictObject({ kind: z.literal("refused"), code: z.string(), message: z.string(), passing: z.boolean() }),
]);
export type BrokerAnswer = z.infer<typeof brokerAnswer>;

/** In the administrative directory of a session's worktree: how its git and gh find the broker. */
export const capabilityFile = z.strictObject({ socket: z.string(), capability });
export type CapabilityFile = z.infer<typeof capabilityFile>;

export const CAPABILITY_FILE = "gastown-session.json";
/** The same for one git of the runner itself, in that git's environment. */
export const SOCKET_ENV = "GASTOWN_BROKER";
export const CAPABILITY_ENV = "GASTOWN_CAPABILITY";
/** `fetch` or `push`; a helper is not told by git. */
export const PURPOSE_ENV = "GASTOWN_GIT_PURPOSE";
/** How many of the `GIT_CONFIG_*` settings are the host's own. */
export const HOST_CONFIG_ENV = "GASTOWN_HOST_GIT_CONFIG";
/** Where a mayor's own directory shows its rigs' worktrees. */
export const CHECKOUTS = "checkouts";
