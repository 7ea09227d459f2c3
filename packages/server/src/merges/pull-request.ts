/** Reading a pull request that a person named, of this rig's own repository and no other (spec/api.md §3.8). */
import { parsePullRequestUrl, parseRepositoryUrl, sameProject } from "@gastown/forge";
import {
  GastownError,
  type ForgeError,
  type ForgeKind,
  type PullRequest,
  type PullRequestSignals,
  type Rig,
} from "@gastown/protocol";
import { forgeMessage } from "@gastown/town";
import { gitlabSite } from "../credentials/gitlab-site.ts";
import type { ServerPorts } from "../ports.ts";
import { rigRefOf } from "../rigs/rig-ref.ts";

const READ_TIMEOUT_MS = 30_000;

export interface ReadPullRequest {
  pr: PullRequest;
  signals: PullRequestSignals | null;
  /** Null: the forge does not say. */
  canPush: boolean | null;
}

/**
 * The url is looked at before anything leaves for its host. Throws `unrecognized_url`,
 * `host_mismatch`, `repo_mismatch`, `no_token`, `not_found`, `forge_error`.
 */
export async function readPullRequest(
  ports: Pick<ServerPorts, "forgeFor" | "setTimer" | "towns">,
  townId: string,
  rig: Rig,
  prUrl: string,
): Promise<ReadPullRequest> {
  const town = await ports.towns.get(townId);
  const site = town && rig.forge === "gitlab" ? gitlabSite(town) : undefined;
  const url = checkedUrl(rig, prUrl, site);
  const deadline = new AbortController();
  const cancel = ports.setTimer(READ_TIMEOUT_MS, () => deadline.abort());
  try {
    const forge = await ports.forgeFor(townId, { rig: rigRefOf(rig), forge: rig.forge });
    const reading = await forge.read(url, deadline.signal);
    if ("kind" in reading) throw new GastownError("repo_mismatch", `${rig.name}: ${reading.what}.`);
    if (reading.outcome.kind !== "ok") throw forgeFailure(reading.outcome, rig.forge);
    const repository = await forge.repository(deadline.signal);
    const canPush = repository.kind === "ok" ? repository.value.canPush : null;
    const { pr } = reading.outcome;
    return { pr, signals: reading.signals, canPush: pr.from_fork ? false : canPush };
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
    throw new GastownError("timeout", "The forge did not answer in 30 s. Try again.");
  } finally {
    cancel();
  }
}

/** The url in its one form: of this rig's repository, without user, query or tab. */
function checkedUrl(rig: Rig, prUrl: string, site: string | undefined): string {
  const parsed = parsePullRequestUrl(prUrl, site);
  if (parsed.kind !== "pull_request") throw forgeFailure(parsed, rig.forge);
  const own = parseRepositoryUrl(rig.gitUrl, site);
  if (own === null || rig.forge === "git") {
    throw new GastownError(
      "repo_mismatch",
      `${rig.name} is a plain git repository, which has no pull requests. Name the rig that the pull request is of.`,
    );
  }
  if (own.site !== parsed.site) {
    const [expected, got] = [own.site, parsed.site].map((one) => one.replace(/^https?:\/\//, ""));
    throw new GastownError(
      "host_mismatch",
      `${rig.name} is on ${expected}, and this pull request on ${got}. Nothing was sent there.`,
      { expected, got },
    );
  }
  if (!sameProject(own.project, parsed.project)) {
    throw new GastownError(
      "repo_mismatch",
      `This pull request is of ${parsed.project}, and ${rig.name} is ${own.project}. Name the rig that it is of.`,
    );
  }
  return parsed.url;
}

/** What a forge's error is to a person who asked. */
export function forgeFailure(error: ForgeError, forge: ForgeKind): GastownError {
  const message = forgeMessage(error, forge);
  if (error.kind === "no_token") return new GastownError("no_token", message, { tried: error.tried });
  if (error.kind === "unrecognized_url") return new GastownError("unrecognized_url", message);
  if (error.kind === "host_mismatch") {
    return new GastownError("host_mismatch", message, { expected: error.expected, got: error.got });
  }
  if (error.kind === "http_error" && error.status === 404) return new GastownError("not_found", message);
  return new GastownError("forge_error", message, { kind: error.kind });
}
