/**
 * A change of settings for sessions that live (spec/runner.md §1, §3): the runner is told how each
 * should be launched from now on, and restarts nobody. What concerns the next start is read there.
 */
import type { RigConfig, SecretChange, TownConfig } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { settings, storeConfig } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { cancelPending, enqueue } from "../outbox/outbox.ts";
import { townRow } from "../town-row.ts";
import { chosenLaunch, choiceOf } from "./chosen.ts";
import { forgetProviders, namesOthers } from "./model-gone.ts";
import { endRests } from "./refusals.ts";
import { liveSessions, type SessionRow } from "./session-row.ts";

/** The subject of the effect: one is carried out at a time. */
export const SETTINGS = "settings";

/** Stores the settings of the town, or of a rig, and has them honoured by what lives. */
export function changeSettings(
  ctx: Ctx,
  rigId: string | null,
  config: TownConfig | RigConfig,
  secrets: readonly SecretChange[] = [],
): void {
  const before = settings(ctx, rigId);
  storeConfig(ctx, rigId, config, secrets);
  if (namesOthers(before, settings(ctx, rigId))) forgetProviders(ctx);
  endRests(ctx, "model_unavailable");
  tellLiveSessions(ctx);
}

function tellLiveSessions(ctx: Ctx): void {
  const live = liveSessions(ctx).filter((session) => session.stop_requested === null);
  if (live.length === 0) return;
  for (const session of live) followModel(ctx, session);
  cancelPending(ctx, SETTINGS);
  // By version: one that is under way was written before this change.
  enqueue(ctx, { kind: "sync_config", subject: SETTINGS, key: `sync:${townRow(ctx).config_version}` });
}

/** The model of the settings, also none; not where a person chose one for this session, or for its bead. */
function followModel(ctx: Ctx, session: SessionRow): void {
  if (session.model_pinned === 1) return;
  const choice = choiceOf(ctx, session);
  if (choice.model !== null) return;
  const { model, runtime } = chosenLaunch(settings(ctx, session.rig_id), session.role, choice);
  // Another runtime takes effect with the next session, and a model's name means something to one only.
  if (runtime !== session.runtime) return;
  ctx.sql.run("update sessions set model = ? where id = ?", model, session.id);
}

/** The runner has the settings: what waited for that may go on. */
export function settingsApplied(ctx: Ctx, result: string): void {
  audit(ctx, {
    kind: "config.applied",
    subject: { type: "town", id: ctx.townId },
    text: `The runner has the settings${result === "" ? "" : `: ${result}`}`,
    data: { version: townRow(ctx).config_version, result },
  });
  schedule(ctx, "mayor", "mayor");
}
