import { gitAddress } from "@gastown/protocol";
import type { ForgeKind, TownCredentials } from "@gastown/protocol";
import { GITLAB_URL, type GitHubSite } from "./types.ts";

/** Host of a git url with its port, in lower case; null for paths and what has none. */
export function hostOf(gitUrl: string): string | null {
  return gitAddress(gitUrl)?.host ?? null;
}

/** Path of the repository without slashes around it and without `.git`; null where there is none. */
export function repositoryPathOf(gitUrl: string): string | null {
  return gitAddress(gitUrl)?.path || null;
}

/** The host that the town's GitLab token is for. */
export function gitlabHost(credentials: Pick<TownCredentials, "gitlab_url">): string {
  return new URL(credentials.gitlab_url ?? GITLAB_URL).host;
}

/** What kind of forge answers on a host. */
export function forgeOfHost(
  host: string,
  credentials: Pick<TownCredentials, "gitlab_url">,
  github: GitHubSite,
): ForgeKind {
  if (host === github.host) return "github";
  const isGitLab = host === gitlabHost(credentials) || host === "gitlab.com" || host.startsWith("gitlab.");
  return isGitLab ? "gitlab" : "git";
}
