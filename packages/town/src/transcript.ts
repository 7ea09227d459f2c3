/** The stored conversation of a session, by its own sequence (spec/api.md §5.3). */
import { transcriptItem, type TranscriptItem } from "@gastown/protocol";
import { z } from "zod";
import type { Ctx } from "./kernel/context.ts";
import { fromJson } from "./kernel/json.ts";

export function readTranscript(ctx: Ctx, sessionId: string, after: number, limit: number): TranscriptItem[] {
  const rows = ctx.sql.all<{ seq: number; at: number; type: string; data: string }>(
    "select seq, at, type, data from transcript where session_id = ? and seq > ? order by seq limit ?",
    sessionId,
    after,
    Math.min(Math.max(limit, 1), 1_000),
  );
  return rows.flatMap((row) => {
    const parsed = transcriptItem.safeParse({ ...row, data: fromJson(z.unknown(), row.data) });
    return parsed.success ? [parsed.data] : [];
  });
}
