/** The hosting of a town's rigs, with the credentials that the town has at each request (spec/review.md §4.2). */
import {
  createResponseCache,
  GITHUB,
  githubForge,
  gitlabForge,
  parseRepositoryUrl,
  plainForge,
  type ForgeContext,
} from "@gastown/forge";
import { GastownError } from "@gastown/protocol";
import { gitlabSite } from "../credentials/gitlab-site.ts";
import { createTownTokens } from "../credentials/tokens.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import type { ForgeFor } from "./forge.ts";

/** `townOf` opens a town; undefined: it is gone. */
export function createForgeFor(
  ports: Pick<ServerPorts, "now" | "sink" | "sealingKeys" | "forges">,
  townOf: (townId: string) => Promise<TownActor | undefined>,
): ForgeFor {
  const tokenOf = createTownTokens(ports);
  const site = ports.forges?.github ?? GITHUB;
  const send = ports.forges?.fetch;
  // One for all: a remembered answer is used only when the forge confirms it for that request's token.
  const cache = createResponseCache();
  return async (townId, { rig, forge }) => {
    const known = forge === "gitlab" ? await townOf(townId) : undefined;
    const location = parseRepositoryUrl(rig.git_url, known && gitlabSite(known));
    if (forge === "git" || location === null) return plainForge();
    const context: ForgeContext = {
      token: async () => {
        const town = await townOf(townId);
        if (!town) throw new GastownError("not_found", "This town is gone.");
        return tokenOf(town, rig.id);
      },
      cache,
      now: ports.now,
      ...(send === undefined ? {} : { fetch: send }),
    };
    if (forge === "gitlab") return gitlabForge(location, context);
    const own = new URL(location.site).host === site.host;
    return own ? githubForge(location, context, site.apiUrl) : githubForge(location, context);
  };
}
