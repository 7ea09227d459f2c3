/** Bodies and answers of JSON lines, streamed in both directions (spec/api.md §3.3). */
import { GastownError } from "@gastown/protocol";
import type { AppContext } from "./env.ts";

/** The one exception to the limit of bodies: a whole town. */
const MAX_BYTES = 256 * 1_048_576;
/** No row is longer. */
const MAX_LINE = 8 * 1_048_576;
/** An answer leaves in pieces of about this many characters. */
const PIECE = 64 * 1024;
const LINES_TYPE = /^application\/(jsonl|x-ndjson|json|octet-stream)\s*(;|$)/i;

/** The body's lines without their ends, as they arrive. Throws `payload_too_large`, `malformed_json`. */
export async function* bodyLines(c: AppContext): AsyncGenerator<string[], void, void> {
  const type = c.req.header("content-type");
  if (type !== undefined && !LINES_TYPE.test(type))
    throw new GastownError(
      "unsupported_media_type",
      "This takes JSON lines. Send them as application/jsonl.",
    );
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let size = 0;
  for await (const bytes of c.req.raw.body ?? []) {
    size += bytes.length;
    if (size > MAX_BYTES)
      throw new GastownError("payload_too_large", `The body is larger than ${MAX_BYTES} bytes.`);
    rest += decoded(() => decoder.decode(bytes, { stream: true }));
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE)
      throw new GastownError("payload_too_large", `A line is longer than ${MAX_LINE} characters.`);
    if (lines.length > 0) yield lines;
  }
  rest += decoded(() => decoder.decode());
  c.set("requestBytes", size);
  if (rest.trim() !== "") yield [rest];
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
