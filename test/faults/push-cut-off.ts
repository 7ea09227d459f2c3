/**
 * A runner that is killed (-9), alone or with its host, while one of its pushes is in the middle: the remote has the objects,
 * the ref has not moved, and whether it will is open. Three things can become of such a push.
 */
import { dirname } from "node:path";
import { expect, onTestFinished } from "vitest";
import { serveHttp } from "../../packages/runner/src/git/testing/http-remote.ts";
import { HeldPush } from "./held-push.ts";
import { everythingLanded } from "./proof.ts";
import type { Script } from "./script.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

export const ENDINGS = [
  "dies with its runner",
  "goes through while nobody hears the answer",
  "goes through when all has landed without it",
] as const;
export type Ending = (typeof ENDINGS)[number];

export type Work = (town: TownProcess) => Script;

/** The town, ended and proved, whose runner was killed in the first push to a ref like this. */
export async function pushCutOff(
  refPattern: string,
  ending: Ending,
  work: Work,
  { withHost = false }: { withHost?: boolean } = {},
): Promise<TownProcess> {
  const holding = Promise.withResolvers<HeldPush>();
  const town = await startTown({
    serve: async (path) => {
      holding.resolve(new HeldPush(path, refPattern));
      // On the same disk the remote's side belongs to the runner's processes and ends with them.
      return ending === "dies with its runner" ? path : served(path);
    },
  });
  const push = await holding.promise;
  const bead = await town.sling("Push it", work(town));
  await push.reached();
  const killed = town.runner();
  if (withHost) await town.killBoth();
  else town.killRunner(killed);
  if (ending === "goes through while nobody hears the answer") push.goOn();
  if (withHost) await town.up();
  await town.land([bead]);
  expect(town.runner().instance_id).not.toBe(killed.instance_id);
  if (ending === "goes through when all has landed without it") push.goOn();
  if (ending !== "dies with its runner") await push.over();
  const kinds = (await town.events()).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "runner.lost")).toHaveLength(1);
  expect(kinds.filter((kind) => kind === "runner.registered")).toHaveLength(2);
  await everythingLanded(town, [bead]);
  return town;
}

async function served(path: string): Promise<string> {
  const remote = await serveHttp(dirname(path));
  onTestFinished(() => remote.close());
  return `${remote.origin}/app.git`;
}
