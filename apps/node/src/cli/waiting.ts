import { beadDetail, convoyDetail, type BeadDetail, type ConvoyDetail } from "@gastown/protocol";
import type { ApiClient } from "./client.ts";
import type { Context } from "./context.ts";
import { CommandError, EXIT } from "./failure.ts";
import { waitFor } from "./live.ts";

/** Reasons of a closed bead that mean: done (spec/town.md §2). */
const DONE = new Set(["merged", "pushed", "no_changes", "done_elsewhere", "moot", "waived"]);

/** Waits until a bead is done; throws exit code 1 when it ends in another way. */
export async function waitForBead(
  context: Context,
  api: ApiClient,
  townId: string,
  beadId: string,
  timeoutMs: number | undefined,
): Promise<BeadDetail> {
  let last: BeadDetail | undefined;
  const bead = await waitFor(api, {
    townId,
    signal: context.signal,
    timeoutMs,
    onFrame: progress(context),
    read: async () => {
      last = await api.get(beadDetail, `/api/towns/${townId}/beads/${beadId}`);
      return last.status === "closed" || last.status === "failed" ? last : undefined;
    },
    timeoutMessage: () => `The bead ${last?.shortId ?? beadId} is not done yet: ${standing(last)}.`,
  });
  if (bead.status === "closed" && DONE.has(bead.reason ?? "")) return bead;
  throw new CommandError(
    EXIT.failed,
    "invalid_transition",
    `The bead ${bead.shortId} ended as ${bead.status}: ${bead.reason}. \`gastown bead show ${bead.shortId}\` tells more.`,
  );
}

function standing(bead: BeadDetail | undefined): string {
  if (bead === undefined) return "nothing is known of it";
  return bead.waitingOn === undefined ? bead.status : `${bead.status}, ${bead.waitingOn.message}`;
}

/** Waits until a convoy has landed; throws exit code 1 when it ends in another way. */
export async function waitForConvoy(
  context: Context,
  api: ApiClient,
  townId: string,
  convoyId: string,
  timeoutMs: number | undefined,
): Promise<ConvoyDetail> {
  let last: ConvoyDetail | undefined;
  const convoy = await waitFor(api, {
    townId,
    signal: context.signal,
    timeoutMs,
    onFrame: progress(context),
    read: async () => {
      last = await api.get(convoyDetail, `/api/towns/${townId}/convoys/${convoyId}`);
      return ["landed", "failed", "closed"].includes(last.state) ? last : undefined;
    },
    timeoutMessage: () =>
      `The convoy ${last?.shortId ?? convoyId} has not landed yet: ${last === undefined ? "nothing is known of it" : openTasks(last)}.`,
  });
  if (convoy.state === "landed") return convoy;
  throw new CommandError(
    EXIT.failed,
    "invalid_transition",
    `The convoy ${convoy.shortId} ended as ${convoy.state}. \`gastown convoy status ${convoy.shortId}\` tells more.`,
  );
}

/** What of a convoy is not done, and what each part waits for: one sentence. */
export function openTasks(convoy: ConvoyDetail): string {
  const open = convoy.nodes.filter((node) => node.status !== "closed");
  if (open.length === 0) return `all tasks are done, it is ${convoy.state}`;
  return open
    .map(
      (node) =>
        `"${node.title}" is ${node.status}${node.waitingOn === undefined ? "" : ` (${node.waitingOn.message})`}`,
    )
    .join("; ");
}

function progress({ out }: Context): (frame: { type: string; entry?: { text: string } }) => void {
  return (frame) => {
    if (frame.type === "event" && frame.entry !== undefined) out.note(`  ${frame.entry.text}`);
  };
}
