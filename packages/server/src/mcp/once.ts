/**
 * A model that repeats a call after a lost answer makes nothing twice: the same tool with the same
 * arguments returns its first result for 10 minutes (spec/api.md §4.1).
 *
 * The town keeps answers for a day, so the key carries the window in which the call fell; a repeat
 * looks into the window before its own as well, and takes what is not older than 10 minutes.
 */
import { GastownError } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import { z } from "zod";
import type { ToolResult } from "./result.ts";

const WINDOW_MS = 600_000;
const kept = z.object({ at: z.number(), text: z.string(), data: z.record(z.string(), z.unknown()) });

class NotThere extends Error {}

export interface RepeatKey {
  principal: string;
  /** Of tool and arguments. */
  digest: string;
  /** Epoch ms. */
  now: number;
}

export function once(town: Town, key: RepeatKey, make: () => ToolResult): ToolResult {
  const window = Math.floor(key.now / WINDOW_MS);
  const earlier = look(town, key, window - 1);
  if (earlier !== undefined && key.now - earlier.at < WINDOW_MS) return repeated(earlier);
  const stored = town.idempotent(callOf(key, window), () => {
    const { text, data } = make();
    return { status: 200, body: JSON.stringify({ at: key.now, text, data }) };
  });
  const result = parse(stored.body);
  return stored.replayed ? repeated(result) : result;
}

/** What is stored under a window's key; looking makes nothing. */
function look(town: Town, key: RepeatKey, window: number): z.output<typeof kept> | undefined {
  try {
    return parse(
      town.idempotent(callOf(key, window), () => {
        throw new NotThere();
      }).body,
    );
  } catch (error) {
    if (error instanceof NotThere) return undefined;
    throw error;
  }
}

const callOf = ({ principal, digest }: RepeatKey, window: number) => ({
  principal,
  key: `${digest}:${window}`,
  fingerprint: digest,
});

function parse(body: string): z.output<typeof kept> {
  const parsed = kept.safeParse(JSON.parse(body));
  if (!parsed.success) throw new GastownError("internal", "A stored result of a tool could not be read.");
  return parsed.data;
}

const repeated = ({ text, data }: ToolResult): ToolResult => ({ text: `Already done. ${text}`, data });
