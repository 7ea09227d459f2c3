/** The part of `Town` that people use on merge requests (spec/api.md §3.8). */
import type { AttentionItem, MergeLane, MergeRequest } from "@gastown/protocol";
import type { Actor } from "../town.ts";
import type { Adoption } from "./adopt.ts";
import type { ForgeRig } from "./forge-effects.ts";
import type { DismissedSource } from "./commands.ts";
import type { TownReading } from "../views/reading.ts";
import type { Concern, PersonVerdict } from "./person-commands.ts";

export interface TownMerges extends TownReading {
  /** Merge requests that wait for a person, the latest first. */
  attention(): AttentionItem[];
  /** Keeps it from landing until it is released. */
  holdMerge(ref: string, actor: Actor): MergeRequest;
  releaseMerge(ref: string, actor: Actor): MergeRequest;
  /** Every lane in which something waits or lands, or that is paused or red. */
  lanes(): MergeLane[];
  /** Nothing lands there until it is resumed; what runs is asked to withdraw. */
  pauseLane(rigRef: string, target: string, actor: Actor): MergeLane;
  /** A red one is tried at once. */
  resumeLane(rigRef: string, target: string, actor: Actor): MergeLane;
  /** Reads its pull request now. */
  pollNow(ref: string, actor: Actor): MergeRequest;
  /** The same for all that a webhook of this rig's forge may be about. Returns how many are watched. */
  pollConcerned(rigRef: string, concern: Concern): number;
  /** Skips the grace period, never a check. Throws `head_moved`, `invalid_transition` with what is not green. */
  mergeNow(ref: string, headSha: string, actor: Actor): MergeRequest;
  /** `→ failed` (`dismissed`); the pull request stays as it is. */
  dismissMerge(ref: string, input: { note: string; source: DismissedSource }, actor: Actor): MergeRequest;
  /** A person's verdict, by a refinery's rules. Throws `head_moved`. */
  giveMergeVerdict(ref: string, verdict: PersonVerdict, actor: Actor): MergeRequest;
  /** `pr` was just read from the rig's own repository. Throws `pr_not_open`. */
  adoptPullRequest(
    rigRef: string,
    input: Adoption,
    actor: Actor,
  ): { mergeRequest: MergeRequest; existing: boolean };
  /** The pull request that a session's work or review is about; null: there is none. */
  pullRequestOf(sessionId: string): (ForgeRig & { url: string }) | null;
}
