import { GastownError } from "@gastown/protocol";
import type { Context } from "hono";
import type { z } from "zod";

const LIMIT = 1_048_576;

/** A request's body, at most 1 MiB of it, counted while it is read. @throws GastownError `payload_too_large` */
export async function readBytes(request: Request): Promise<Buffer> {
  const body: ReadableStream<Uint8Array> | null = request.body;
  if (body === null) return Buffer.alloc(0);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > LIMIT) throw new GastownError("payload_too_large", "The body is larger than 1 MiB.");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parse(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new GastownError("malformed_json", "The body is not JSON.");
  }
}

/**
 * The body of a request by its schema (spec/runner.md §1): unknown fields refused, 1 MiB, counted
 * while it is read. Issues never repeat the values that were sent.
 */
export async function jsonBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  return checked(schema.safeParse(parse((await readBytes(c.req.raw)).toString("utf8"))), "body");
}

/** The query of a request by its schema. */
export function query<T>(c: Context, schema: z.ZodType<T>): T {
  return checked(schema.safeParse(c.req.query()), "query");
}

function checked<T>(parsed: z.ZodSafeParseResult<T>, part: "body" | "query"): T {
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 50).map(({ path, code, message }) => ({ path, code, message }));
  throw new GastownError("validation_failed", `The ${part} is not what this route takes.`, { issues });
}
