/** Text limits that every surface shares (spec/api.md §1.2). Lengths are in characters. */
import { z } from "zod";

// oxlint-disable-next-line no-control-regex -- NUL is exactly what is refused
const NO_NUL = /^[^\0]*$/;

/** Text without NUL between `min` and `max` characters. */
export function text(min: number, max: number): z.ZodString {
  return z.string().min(min).max(max).regex(NO_NUL, "must not contain NUL");
}

/** What a person may give as the value of a variable, or as a secret, in bytes of UTF-8. Sealed it is longer. */
export const VALUE_BYTES = 8_192;

/** How many bytes of UTF-8 it has. */
export function utf8Bytes(value: string): number {
  let bytes = 0;
  for (const char of value) {
    const point = char.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** Text that is kept sealed: what counts there is its bytes, not its characters. */
export const secretText: z.ZodString = text(1, VALUE_BYTES).refine(
  (value) => utf8Bytes(value) <= VALUE_BYTES,
  `must be at most ${VALUE_BYTES} bytes of UTF-8`,
);

export const title: z.ZodString = text(1, 300).regex(/\S/, "must not be empty");
export const body: z.ZodString = text(0, 64_000);
export const name: z.ZodString = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\p{C}]+$/u, "must not contain control characters")
  .regex(/\S/, "must not be empty");
export const note: z.ZodString = text(0, 2_000);
export const longText: z.ZodString = text(1, 20_000);
export const label: z.ZodString = z.string().regex(/^[a-z0-9][a-z0-9:._/-]{0,63}$/);
export const labels: z.ZodArray<z.ZodString> = z.array(label).max(20);
export const sha: z.ZodString = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "not a commit id");

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** A free-form object of at most 16 kB as JSON, without keys that could reach a prototype. */
export const metadata: z.ZodType<Record<string, unknown>> = z
  .record(z.string().max(200), z.unknown())
  .refine((value) => JSON.stringify(value).length <= 16_384, "must be at most 16 kB as JSON")
  .refine((value) => Object.keys(value).every((key) => !FORBIDDEN_KEYS.has(key)), "has a forbidden key");

/** Branch names by the rules of `git check-ref-format --branch` (spec/runner.md §5). */
export const branchName: z.ZodString = z
  .string()
  .min(1)
  .max(200)
  .regex(
    // oxlint-disable-next-line no-control-regex -- git forbids control characters in refs
    /^(?!-)(?!\/)(?!.*(\.\.|\/\/|@\{|\.lock(\/|$)|\/\.|\.\/|\/$|\.$))[^\x00-\x20\x7f~^:?*[\\]+$/,
    "not a branch name",
  );
