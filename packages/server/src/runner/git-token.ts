/** A forge's token for the runner's git and for its agents' (spec/api.md §3.16). */
import { GastownError, gitTokenAnswer, gitTokenRequest } from "@gastown/protocol";
import type { TokenClaim } from "@gastown/town";
import type { ForgeTokens } from "../credentials/tokens.ts";
import type { Endpoints } from "../http/endpoint.ts";

export function gitTokenRoute(on: Endpoints, tokens: ForgeTokens): void {
  on.town(
    {
      method: "post",
      path: "/api/towns/{townId}/runner/git-token",
      operation: "runner.gitToken",
      summary: "A forge's token, resolved now; for a session of its own rig only while it is live.",
      who: "runner",
      delivery: "runner",
      body: gitTokenRequest,
      answer: gitTokenAnswer,
      secret: true,
    },
    async ({ town, body: { session_id, epoch, rig_id, host, purpose } }) => {
      const claim: TokenClaim = { session: sessionOf(session_id, epoch), rigId: rig_id };
      const { expiresAt, ...issued } = await tokens.issue(town, claim, { host: host.toLowerCase(), purpose });
      return {
        ...issued,
        ...(expiresAt === null ? {} : { expires_at: new Date(expiresAt).toISOString() }),
      };
    },
  );
}

function sessionOf(id: string | undefined, epoch: number | undefined): TokenClaim["session"] {
  if (id === undefined && epoch === undefined) return null;
  if (id !== undefined && epoch !== undefined) return { id, epoch };
  throw new GastownError("validation_failed", "body: session_id and epoch belong together.");
}
