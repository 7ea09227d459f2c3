/**
 * JSON from outside, made safe before a schema sees it (spec/api.md §1.2). Some thousands of levels
 * parse well and then overflow the stack of a recursive schema, so depth is counted here, iteratively.
 */
import { GastownError } from "@gastown/protocol";

const MAX_DEPTH = 32;
const MAX_KEYS = 10_000;
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** The value of a body; undefined for an empty one. Throws `malformed_json`, `validation_failed`. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  if (text.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GastownError("malformed_json", "The body is not JSON. Send one JSON object.");
  }
  checkJson(value);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new GastownError("malformed_json", "The body is not valid UTF-8. Send JSON in UTF-8.");
  }
}

/** Throws `validation_failed` for what is too deep, too large or could reach a prototype. */
function checkJson(root: unknown): void {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let keys = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next;
    if (typeof value === "string") refuse(value.includes("\0"), "a string contains NUL");
    else if (typeof value === "number") refuse(!sound(value), "a number is out of range");
    if (typeof value !== "object" || value === null) continue;
    refuse(depth > MAX_DEPTH, `it is nested deeper than ${MAX_DEPTH} levels`);
    for (const [key, item] of Object.entries(value)) {
      keys++;
      refuse(keys > MAX_KEYS, `it has more than ${MAX_KEYS} keys`);
      refuse(FORBIDDEN_KEYS.has(key), "it has a forbidden key");
      refuse(key.includes("\0"), "a key contains NUL");
      stack.push({ value: item, depth: depth + 1 });
    }
  }
}

function sound(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function refuse(bad: boolean, why: string): void {
  if (!bad) return;
  throw new GastownError("validation_failed", `The body was refused: ${why}.`, {
    issues: [{ path: [], code: "refused", message: why }],
  });
}
