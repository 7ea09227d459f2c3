import type { ForgeKind, TownCredentials } from "@gastown/protocol";
import { GITLAB_URL, type GitHubSite } from "./types.ts";

/** Host of a git url with its port, in lower case; null for paths and what has none. */
export function hostOf(gitUrl: string): string | null {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(gitUrl)) {
    const url = URL.canParse(gitUrl) ? new URL(gitUrl) : null;
    if (url === null || url.hostname === "") return null;
    // A port of ssh says nothing of where the forge's pages and API are.
    return (url.protocol === "ssh:" ? url.hostname : url.host).toLowerCase();
  }
  const host = /^(?:[^@/]+@)?([A-Za-z0-9][A-Za-z0-9._-]*):(?!\/\/)/.exec(gitUrl)?.[1];
  return host?.toLowerCase() ?? null;
}

/** Path of the repository without slashes around it and without `.git`; null where there is none. */
export function repositoryPathOf(gitUrl: string): string | null {
  const schemed = URL.canParse(gitUrl) && gitUrl.includes("://") ? new URL(gitUrl).pathname : null;
  const path = schemed ?? /^[^/]*?:(?!\/\/)(.+)$/.exec(gitUrl)?.[1] ?? "";
  const trimmed = path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, "");
  return trimmed === "" ? null : trimmed;
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
