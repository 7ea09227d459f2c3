import type { Rig } from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "../cli/client.ts";

const configAnswer = z.object({
  effective: z.record(z.string(), z.object({ value: z.unknown() })),
});

/** The credentials of which one must be there for each forge (spec/review.md §4.2), the usual one first. */
const TOKENS: Record<Rig["forge"], readonly string[]> = {
  github: ["credentials.github_token", "credentials.github_cli_pat", "credentials.github_app.key"],
  gitlab: ["credentials.gitlab_token"],
  git: [],
};

/**
 * What has to be set before this rig's work can land by pull requests, said before any work is done and
 * not after; undefined: nothing.
 */
export async function forgeNote(api: ApiClient, townId: string, rig: Rig): Promise<string | undefined> {
  const [usual, ...others] = TOKENS[rig.forge];
  if (usual === undefined) return undefined;
  const { effective } = await api.get(configAnswer, `/api/towns/${townId}/rigs/${rig.id}/config`);
  if (effective["merge_strategy"]?.value !== "pr") return undefined;
  if ([usual, ...others].some((key) => (effective[key]?.value ?? null) !== null)) return undefined;
  const forge = rig.forge === "github" ? "GitHub" : "GitLab";
  return `Work on ${rig.name} lands by pull requests on ${forge}, for which the town has no token yet. Set one with \`gastown config set ${usual}\` (it asks, and shows nothing), or land without them: \`gastown config set --rig ${rig.name} merge_strategy=direct\`.`;
}
