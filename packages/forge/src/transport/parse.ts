/** Answers are parsed where they arrive: what has not the expected shape is `invalid_response`. */
import type { ForgeKind } from "@gastown/protocol";
import type { z } from "zod";
import { ForgeFailure } from "../failure.ts";

/** Names of fields only, never their values, for a bug report. */
function sampleKeys(data: unknown): string[] {
  const first: unknown = Array.isArray(data) ? data[0] : data;
  if (typeof first !== "object" || first === null) return [];
  return Object.keys(first)
    .slice(0, 8)
    .map((key) => key.slice(0, 64));
}

export function notJson(provider: ForgeKind): ForgeFailure {
  return new ForgeFailure({ kind: "invalid_response", provider, reason: "json_parse", sample_keys: [] });
}

/** `data` in the shape of `schema`. Text in its place is an answer that was no JSON. */
export function parsed<T>(provider: ForgeKind, schema: z.ZodType<T>, data: unknown): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  if (typeof data === "string") throw notJson(provider);
  throw new ForgeFailure({
    kind: "invalid_response",
    provider,
    reason: "schema_mismatch",
    sample_keys: sampleKeys(data),
  });
}
