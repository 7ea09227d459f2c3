import { syncAnswer, type SessionLaunch, type SyncAnswer } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import { openedLaunch } from "../runner/launch.ts";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

type Item = { session_id: string; epoch: number; launch: SessionLaunch };

/** A body may hold 1 MiB; settings alone may be large. */
const MAX_BYTES = 600_000;

/** How every live session is launched from now on. A repeat says the same again, which changes nothing. */
export async function syncConfig(
  context: EffectContext,
  { configVersion, sessions }: RequestOf<"sync_config">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const items = await Promise.all(
    sessions.map(async ({ sessionId, epoch, launch }) => {
      const opened = await openedLaunch(context, context.townId, launch);
      return { session_id: sessionId, epoch, launch: opened.launch };
    }),
  );
  const changes: SyncAnswer["sessions"] = [];
  for (const part of parts(items)) {
    const call = await context.client.call(runner, {
      method: "POST",
      path: "/sync-config",
      body: { config_version: configVersion, sessions: part },
      signal: context.signal,
    });
    if (call.type !== "ok") return failedWork(call);
    const answer = syncAnswer.safeParse(call.body);
    if (answer.success) changes.push(...answer.data.sessions);
  }
  return { type: "done", result: summary(changes) };
}

function parts(items: readonly Item[]): Item[][] {
  const all: Item[][] = [];
  let bytes = Infinity;
  for (const item of items) {
    const size = JSON.stringify(item).length;
    bytes += size;
    if (bytes > MAX_BYTES) {
      all.push([]);
      bytes = size;
    }
    all.at(-1)?.push(item);
  }
  return all;
}

/** "2 move, 1 none": what the change means, by number of sessions. */
function summary(changes: SyncAnswer["sessions"]): string {
  const counts = new Map<string, number>();
  for (const { change } of changes) counts.set(change, (counts.get(change) ?? 0) + 1);
  return [...counts].map(([change, n]) => `${n} ${change}`).join(", ");
}
