/** What hosts see of costs. */
import type { UsageAnswer, UsageQuery } from "@gastown/protocol";
import type { Access } from "../kernel/context.ts";
import { usage } from "../views/usage.ts";

export interface TownUsage {
  usage(query: UsageQuery): UsageAnswer;
}

export function townUsage({ read }: Access): TownUsage {
  return { usage: (query) => read((ctx) => usage(ctx, query)) };
}
