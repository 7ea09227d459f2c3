/** Permission requests of agents, from the runner to whoever decides (spec/api.md §3.16, spec/runner.md §4). */
import { z } from "zod";
import { text } from "./text.ts";

/** What becomes of an agent's permission requests: allowed, asked of a person, or denied. */
export const permissionPolicy = z.enum(["allow_in_worktree", "ask", "deny"]);
export type PermissionPolicy = z.infer<typeof permissionPolicy>;

const epoch = z.int().min(1);
/** The runner's own id of one request. */
export const permissionId = text(1, 80);

/** `POST T/sessions/:sessionId/permission`; the same `request_id` again is answered as it stands by then. */
export const permissionAsked = z.strictObject({
  epoch,
  request_id: permissionId,
  /** What kind of thing the agent would do, as ACP names it: `execute`, `edit`, `other`. */
  tool: text(1, 60),
  title: text(0, 1_000),
  detail: text(0, 4_000),
});
export type PermissionAsked = z.infer<typeof permissionAsked>;
export const permissionAnswer = z.strictObject({
  /** `pending`: a person decides; the decision comes with the answer to a heartbeat. */
  decision: z.enum(["allow", "deny", "pending"]),
  escalation_id: z.string().optional(),
});
export type PermissionAnswer = z.infer<typeof permissionAnswer>;

/** `POST T/sessions/:sessionId/permission/withdraw`: nobody waits for that answer any more. */
export const permissionWithdrawn = z.strictObject({ epoch, request_id: permissionId });
export type PermissionWithdrawn = z.infer<typeof permissionWithdrawn>;
