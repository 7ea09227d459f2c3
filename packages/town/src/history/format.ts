/**
 * An exported town (spec/town.md §3): JSON lines. The first one says what it is, then comes a line for each
 * stored row, and the last one counts them, so that a file that was cut off is never taken for a whole one.
 *
 * Rows are as they were stored, by a named version of the schema: whoever reads them later brings them to
 * its own version by the same migrations that bring a database there.
 */
import { z } from "zod";

export const EXPORT_FORMAT = "gastown-town";
export const EXPORT_VERSION = 1;

/** A secret that was there and is not in the export: whose, and its name. */
const secretName = z.strictObject({ scope: z.string(), key: z.string() });
export type SecretName = z.infer<typeof secretName>;

export const exportHeader = z.strictObject({
  format: z.literal(EXPORT_FORMAT),
  version: z.int().min(1),
  /** Version of the town's schema. */
  schema: z.int().min(1),
  /** Version of the gastown that wrote it. */
  program: z.string().max(100),
  /** ISO-8601. */
  exportedAt: z.iso.datetime(),
  town: z.strictObject({
    id: z.string().regex(/^town_[0-9A-HJKMNP-TV-Z]{26}$/, "not a town id"),
    name: z.string().min(1).max(64),
  }),
  /** Never in an export: they have to be given again. */
  omitted: z.strictObject({
    secrets: z.array(secretName).max(10_000),
    /** Names of environment values, by scope (`town` or a rig's id). */
    env: z.record(z.string(), z.array(z.string()).max(1_000)),
  }),
});
export type ExportHeader = z.infer<typeof exportHeader>;

export const exportRow = z.strictObject({
  table: z.string().max(64),
  row: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

export const exportEnd = z.strictObject({ end: z.literal(true), rows: z.int().min(0) });

/** Tables that are not exported: what is in them is a secret, or belongs to one host's clients only. */
export const OMITTED_TABLES: ReadonlySet<string> = new Set(["schema_version", "secrets", "idempotency"]);
