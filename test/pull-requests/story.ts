/** What a story needs of a town on any forge: a simulated one, or a real one of a person. */
import { convoyDetail, type ConvoyDetail, type ConvoyMode } from "@gastown/protocol";
import { bodyOf, type Script } from "../faults/script.ts";
import type { TownProcess } from "../faults/town-process.ts";
import type { Witness } from "./witness.ts";

export interface Story {
  readonly town: TownProcess;
  /** What its rigs' repositories show, by rig. */
  readonly witnesses: ReadonlyMap<string, Witness>;
  /** What `read` gives, asked after everything that happens. */
  until<T>(
    what: string,
    read: () => Promise<T | undefined>,
    time?: { readonly graceEnds?: boolean },
  ): Promise<T>;
}

export interface Part {
  readonly script: Script;
  /** Left out: the first one. */
  readonly rigId?: string;
  /** Left out: after the one before it. */
  readonly after?: readonly number[];
}

/** A convoy, begun at once: each part after the one before it, unless it says otherwise. */
export function slingConvoy(
  { town }: Story,
  convoy: { readonly title: string; readonly mode: ConvoyMode; readonly parts: readonly Part[] },
): Promise<ConvoyDetail> {
  const { title, mode, parts } = convoy;
  const tasks = parts.map(({ script, rigId, after }, index) => ({
    title: `Part ${index}`,
    body: bodyOf(script),
    dependsOn: after ?? (index === 0 ? [] : [index - 1]),
    ...(rigId === undefined ? {} : { rigId }),
  }));
  const parallel = tasks.every(({ dependsOn }) => dependsOn.length === 0);
  return town.api().post(convoyDetail, `${town.townPath}/convoys`, {
    title,
    mode,
    rigId: town.rigId,
    staged: false,
    tasks,
    ...(parallel ? { parallel } : {}),
  });
}

export const readConvoy = ({ town }: Story, id: string): Promise<ConvoyDetail> =>
  town.api().get(convoyDetail, `${town.townPath}/convoys/${id}`);

/** Resolves when it is merged; throws when it never will be. */
export async function beadsLanded(story: Story, ids: readonly string[]): Promise<void> {
  await story.until(
    "everything to land",
    async () => {
      const beads = await Promise.all(ids.map((id) => story.town.bead(id)));
      const lost = beads.find(
        ({ status, reason, held }) =>
          held || status === "failed" || (status === "closed" && reason !== "merged"),
      );
      if (lost !== undefined) throw new Error(`${lost.title} is ${lost.status}: ${lost.reason}`);
      return beads.every(({ status }) => status === "closed") ? true : undefined;
    },
    { graceEnds: true },
  );
}

export function convoyLanded(story: Story, id: string): Promise<ConvoyDetail> {
  return story.until(
    "the convoy to land",
    async () => {
      const convoy = await readConvoy(story, id);
      if (convoy.state === "failed" || convoy.state === "closed")
        throw new Error(`${convoy.title} is ${convoy.state}`);
      return convoy.state === "landed" ? convoy : undefined;
    },
    { graceEnds: true },
  );
}
