/** Reading a request's body: counted while it is read, at most 1 MiB, JSON only (spec/api.md §1.2). */
import { GastownError } from "@gastown/protocol";
import type { z } from "zod";
import type { AppContext } from "./env.ts";
import { validationError } from "./errors.ts";
import { parseJson } from "./json.ts";

const MAX_BODY_BYTES = 1_048_576;
const JSON_TYPE = /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i;

const tooLarge = (): GastownError =>
  new GastownError("payload_too_large", `The body is larger than ${MAX_BODY_BYTES} bytes. Send less.`);

/** The whole body. Throws `payload_too_large` before more than the limit is held. */
export async function readBytes(c: AppContext): Promise<Uint8Array> {
  if (Number(c.req.header("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const stream = c.req.raw.body;
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_BODY_BYTES) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
  c.set("requestBytes", size);
  return concat(chunks, size);
}

function concat(chunks: Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The value of already read bytes; an absent body is `{}`, whatever its content type says. */
export function jsonOf(c: AppContext, bytes: Uint8Array): unknown {
  const type = c.req.header("content-type");
  const empty = bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
  if (empty) return {};
  if (type !== undefined && !JSON_TYPE.test(type)) {
    throw new GastownError("unsupported_media_type", "Bodies are JSON. Send them as application/json.");
  }
  return parseJson(bytes) ?? {};
}

/** Throws `validation_failed` naming where. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw validationError(what, parsed.error);
  return parsed.data;
}

/** Query parameters as an object; one that is given twice is refused. */
export function queryOf(c: AppContext): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (Object.hasOwn(query, name)) {
      throw new GastownError("validation_failed", `query.${name}: it is given twice. Give it once.`, {
        issues: [{ path: [name], code: "unrecognized_keys", message: "given twice" }],
      });
    }
    query[name] = value;
  }
  return query;
}
