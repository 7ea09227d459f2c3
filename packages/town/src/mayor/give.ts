/** A message as it is given to the mayor: with what its sender saw, and what an earlier try had done. */
import { z } from "zod";
import type { Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import type { RigRow } from "../rigs/rigs.ts";
import type { MessageRow } from "./messages.ts";
import { toolsOfTurn, type ToolUse } from "./turns.ts";
import type { UiContext } from "./ui-context.ts";

/** Structured, because the words around it are the server's. */
export interface TurnToGive {
  readonly text: string;
  readonly mode: "when_idle" | "now";
  readonly from: string;
  readonly contexts: readonly UiContext[];
  readonly rig: { readonly id: string; readonly name: string } | null;
  /** Null: it is given for the first time. Else what the tools did in the turn that was cut off. */
  readonly interrupted: { readonly tools: readonly ToolUse[] } | null;
}

const contexts = z.array(z.object({ at: z.string(), text: z.string() }));
const sender = z.object({ name: z.string() });

/** Null where it was answered or taken back meanwhile. */
export function turnToGive(ctx: Ctx, messageId: string): TurnToGive | null {
  const message = ctx.sql.get<MessageRow>(
    "select * from mayor_messages where id = ? and state = 'delivered'",
    messageId,
  );
  if (!message) return null;
  const rig = message.rig_id
    ? ctx.sql.get<RigRow>("select * from rigs where id = ?", message.rig_id)
    : undefined;
  return {
    text: message.text,
    mode: message.mode,
    from: fromJson(sender, message.sender)?.name ?? "somebody",
    contexts: fromJson(contexts, message.context) ?? [],
    rig: rig ? { id: rig.id, name: rig.name } : null,
    interrupted:
      message.cut_session === null ? null : { tools: toolsOfTurn(ctx, message.cut_session, message.id) },
  };
}
