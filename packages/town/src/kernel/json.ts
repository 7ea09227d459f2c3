/** JSON columns: written here, parsed here. What does not parse reads as the fallback. */
import type { z } from "zod";

export function toJson(value: unknown): string {
  return JSON.stringify(value);
}

/** A stored JSON text by its schema; null when absent or no longer of that shape. */
export function fromJson<T>(schema: z.ZodType<T>, stored: string | null): T | null {
  if (stored === null) return null;
  try {
    const parsed = schema.safeParse(JSON.parse(stored));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
