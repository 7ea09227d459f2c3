/** Unfinished work that is not at its session's ref (spec/runner.md §5): who has to be told of it. */
import type { FailureReason, KeptWork } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { escalate } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import type { SessionRow } from "./session-row.ts";

const LONGEST = 4_000;

function placeOf({ submodule, ref, bundle }: KeptWork): string {
  const what = submodule === null ? "Work of it" : `Its work in the submodule ${submodule}`;
  const whose = submodule === null ? "" : " of that submodule's remote";
  return bundle === null
    ? `${what} is saved as ${ref ?? "nothing"}${whose}.`
    : `${what} was taken by no remote; the file ${bundle} of the runner holds it.`;
}

/** The reason of its end as the next attempt is told it, with where to look. Again changes nothing. */
export function withKept(reason: FailureReason, kept: readonly KeptWork[] = []): FailureReason {
  const news = kept.map(placeOf).filter((place) => !reason.message.includes(place));
  const message = [reason.message, ...news].filter((text) => text !== "").join(" ");
  return { ...reason, message: message.slice(0, LONGEST) };
}

/** A person is told of every bundle: nobody else can bring that work back. */
export function tellOfKept(ctx: Ctx, session: SessionRow, kept: readonly KeptWork[] = []): void {
  if (kept.length === 0) return;
  audit(ctx, {
    kind: "session.work_saved",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    sessionId: session.id,
    text: kept.map(placeOf).join(" "),
    data: { kept: kept.map(({ submodule, ref, bundle }) => ({ submodule, ref, bundle })) },
  });
  const bundles = kept.filter(({ bundle }) => bundle !== null);
  if (bundles.length === 0) return;
  escalate(ctx, {
    severity: "high",
    category: "work_bundled",
    subject: session.id,
    title: "Unfinished work is in a file only: its remote refuses it",
    body: `${bundles.map(placeOf).join("\n")}\nFetch from the file with git as from a remote, and push what is of use.`,
    source: {
      rigId: session.rig_id ?? undefined,
      beadId: session.bead_id ?? undefined,
      sessionId: session.id,
    },
  });
}
