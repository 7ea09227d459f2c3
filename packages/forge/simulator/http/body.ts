/** Bodies of requests, parsed as far as the simulator looks at them. */
import type { Context } from "hono";
import type { z } from "zod";
import { ApiError } from "./api-error.ts";

export async function bodyOf<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const data: unknown = await c.req.json().catch(() => ({}));
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw new ApiError(422, `Validation Failed: ${parsed.error.issues[0]?.message ?? ""}`);
  return parsed.data;
}
