import type { AppContext } from "../http/env.ts";

export const TEXT = "text/plain; charset=utf-8";

/** Whether the caller asks for plain text rather than for the document's JSON. */
export function wantsText(c: AppContext): boolean {
  const accepted = (c.req.header("accept") ?? "").split(",").map((one) => one.split(";")[0]?.trim());
  return accepted.includes("text/plain") && !accepted.includes("application/json");
}
