/** Query parameters: text in, typed values out. */
import { limits } from "@gastown/protocol";
import { z } from "zod";

/** `true` or `false`. */
export const flag = z.enum(["true", "false"]).transform((value) => value === "true");

/** A whole number between `min` and `max`. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/** `a,b,c`: any of. */
export const anyOf = <T extends z.ZodType<unknown, string>>(item: T) =>
  z
    .string()
    .max(2_000)
    .transform((text) => text.split(",").map((part) => part.trim()))
    .pipe(z.array(item).min(1).max(50));

export const limit = whole(1, 200).optional();
export const page = { limit, cursor: limits.text(1, 2_000).optional() };
export const noBody = z.strictObject({});

/** `{items, nextCursor}` (spec/api.md §1.1). */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

/** A list that is always complete. */
export const complete = <T>(items: T[]): { items: T[]; nextCursor: null } => ({ items, nextCursor: null });
