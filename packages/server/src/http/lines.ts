/** Bodies and answers of JSON lines, streamed in both directions (spec/api.md §3.3). */
import { GastownError } from "@gastown/protocol";
import type { AppContext } from "./env.ts";

/** The one exception to the limit of bodies: a whole town, as it is sent. */
const MAX_BYTES = 256 * 1_048_576;
/** Lines repeat themselves: packed, a hundred thousand beads with all that happened to them are 60 MiB. */
const MAX_UNPACKED_BYTES = 16 * 1_073_741_824;
/** No row is longer. */
const MAX_LINE = 8 * 1_048_576;
/** An answer leaves in pieces of about this many characters. */
const PIECE = 64 * 1024;
const LINES_TYPE = /^application\/(jsonl|x-ndjson|json|octet-stream)\s*(;|$)/i;

/**
 * The body's lines without their ends, as they arrive; unpacked where it says `content-encoding: gzip`.
 * Throws `payload_too_large`, `unsupported_media_type`, `malformed_json`.
 */
export async function* bodyLines(c: AppContext): AsyncGenerator<string[], void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const bytes of unpacked(c)) {
    rest += decoded(() => decoder.decode(bytes, { stream: true }));
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE)
      throw new GastownError("payload_too_large", `A line is longer than ${MAX_LINE} characters.`);
    if (lines.length > 0) yield lines;
  }
  rest += decoded(() => decoder.decode());
  if (rest.trim() !== "") yield [rest];
}

async function* unpacked(c: AppContext): AsyncGenerator<Uint8Array, void, void> {
  const type = c.req.header("content-type");
  const encoding = c.req.header("content-encoding")?.toLowerCase() ?? "identity";
  if (type !== undefined && !LINES_TYPE.test(type))
    throw new GastownError(
      "unsupported_media_type",
      "This takes JSON lines. Send them as application/jsonl.",
    );
  if (encoding !== "identity" && encoding !== "gzip")
    throw new GastownError("unsupported_media_type", "Send the lines as they are, or packed with gzip.");
  const { body } = c.req.raw;
  if (body === null) return;
  const sent = body.pipeThrough(
    atMost(MAX_BYTES, (size) => c.set("requestBytes", size), "Pack it with gzip, if it is not."),
  );
  if (encoding === "identity") {
    yield* sent;
    return;
  }
  const whole = sent
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(atMost(MAX_UNPACKED_BYTES, () => {}, "Nothing that large is taken."));
  try {
    yield* whole;
  } catch (error) {
    if (error instanceof GastownError) throw error;
    throw new GastownError("malformed_json", "The body is not what gzip makes, or it was cut off.");
  }
}

/** Passes everything on and counts it; fails with `payload_too_large` beyond the limit. */
function atMost(limit: number, told: (size: number) => void, action: string) {
  let size = 0;
  return new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
    transform(bytes, controller) {
      size += bytes.length;
      if (size > limit)
        throw new GastownError("payload_too_large", `The body is larger than ${limit} bytes. ${action}`);
      controller.enqueue(new Uint8Array(bytes));
    },
    flush: () => told(size),
  });
}

function decoded(decode: () => string): string {
  try {
    return decode();
  } catch {
    throw new GastownError("malformed_json", "The body is not UTF-8.");
  }
}

/** Lines as a body that is made as fast as it is read, and no faster. `release` is called once, at its end. */
export function lineStream(lines: Iterator<string>, release: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let released = false;
  const done = (): void => {
    if (!released) release();
    released = true;
  };
  return new ReadableStream({
    pull(controller) {
      try {
        let piece = "";
        while (piece.length < PIECE) {
          const next = lines.next();
          if (next.done === true) {
            if (piece !== "") controller.enqueue(encoder.encode(piece));
            controller.close();
            return done();
          }
          piece += next.value;
        }
        controller.enqueue(encoder.encode(piece));
      } catch (error) {
        done();
        throw error;
      }
    },
    cancel: done,
  });
}
