/** Git urls come in as people have them and are kept without user info (spec/api.md §2.9). */
import { GastownError, type SecretChange } from "@gastown/protocol";
import type { ServerPorts } from "../ports.ts";
import { sealOne } from "./patch.ts";

export interface CleanUrl {
  gitUrl: string;
  /** User name that the url carried; undefined: none. */
  username?: string;
}

/**
 * An http url without its user name. A password is refused, because the url that holds it has been
 * in an argument list already and would be used nowhere. Throws `validation_failed` without the url.
 */
export function cleanGitUrl(gitUrl: string): CleanUrl {
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(gitUrl) && URL.canParse(gitUrl) ? new URL(gitUrl) : null;
  if (url === null || (url.username === "" && url.password === "")) return { gitUrl };
  if (url.password !== "") throw passwordInUrl();
  if (url.protocol !== "https:" && url.protocol !== "http:") return { gitUrl };
  const username = decodeURIComponent(url.username);
  if (/^(gh[a-z]_|github_pat_|glpat-)/.test(username)) throw passwordInUrl();
  return { gitUrl: gitUrl.replace(/^([^/]*:\/\/)[^@/]*@/, "$1"), username };
}

function passwordInUrl(): GastownError {
  return new GastownError(
    "validation_failed",
    "This url contains a password or token. Use it without: the rig's own are set with `gastown config set --rig <rig> credentials.git_username=… credentials.git_password`, GitHub's and GitLab's with `gastown config set credentials.github_token` or `credentials.gitlab_token`.",
    { issues: [{ path: ["gitUrl"], code: "custom", message: "contains a password" }] },
  );
}

export async function sealUrl(
  ports: Pick<ServerPorts, "sealingKeys" | "randomBytes">,
  townId: string,
  submitted: string,
): Promise<{ gitUrl: string; secrets: SecretChange[] }> {
  const { gitUrl, username } = cleanGitUrl(submitted);
  const secrets = username === undefined ? [] : [await sealOne(ports, townId, "git_username", username)];
  return { gitUrl, secrets };
}
