/** What a person reads when a forge could not be asked: what happened, and what to do (spec/review.md §4.1). */
import type { ForgeError, ForgeKind } from "@gastown/protocol";

const NAMES: Record<ForgeKind, string> = { github: "GitHub", gitlab: "GitLab", git: "The git host" };
const REQUEST: Record<ForgeKind, string> = {
  github: "pull request",
  gitlab: "merge request",
  git: "pull request",
};

type HttpError = Extract<ForgeError, { kind: "http_error" }>;

/** `provider` is the rig's, for errors that do not name one. */
export function forgeMessage(error: ForgeError, provider: ForgeKind): string {
  switch (error.kind) {
    case "no_token":
      return noToken(error.provider, error.tried);
    case "unrecognized_url":
      return `${clean(error.url)} is not the address of a ${REQUEST[provider]}. Adopt it again with its full address.`;
    case "host_mismatch":
      return (
        `The ${REQUEST.gitlab} is on ${error.got}, but the token of this town is for ${error.expected}. It was not sent there. ` +
        `If ${error.got} is your GitLab, set credentials.gitlab_url to it.`
      );
    case "http_error":
      return httpMessage(error);
    default:
      return (
        `${NAMES[error.provider]} answered with something that this version does not understand (${error.reason.replace("_", " ")}). ` +
        `Please report it as a bug${error.sample_keys.length > 0 ? `, with the keys that were there: ${error.sample_keys.join(", ")}` : ""}.`
      );
  }
}

function noToken(provider: ForgeKind, tried: readonly string[]): string {
  const list = tried.length > 0 ? ` Tried in this order: ${tried.join("; ")}.` : "";
  const where =
    provider === "gitlab"
      ? "credentials.gitlab_token (and credentials.gitlab_url for a GitLab of your own)"
      : "credentials.github_cli_pat or a GitHub App";
  return (
    `There is no token for ${NAMES[provider]}.${list} Set ${where} for this town. ` +
    `Agents' own logins do not help: the town asks by itself.`
  );
}

function httpMessage(error: HttpError): string {
  const name = NAMES[error.provider];
  const what = REQUEST[error.provider];
  if (error.offline === true) return `${name} cannot be reached: this machine seems to be offline. It waits.`;
  if (error.status === null) return `${name} did not answer (${error.status_text}).`;
  const said = `${name} answered ${error.status}${error.status_text ? ` ${error.status_text}` : ""}`;
  if (error.transient) {
    const limited = error.status === 429 || error.status === 403;
    return limited ? `${said}: its rate limit is used up for now.` : `${said}: it has trouble of its own.`;
  }
  switch (error.status) {
    case 401:
      return `${said}: the token is invalid or has expired. Renew the ${name} token of this town, then retry.`;
    case 403:
      return error.provider === "gitlab"
        ? `${said}: the token may not read this ${what}. It needs the scope read_api, and api to merge.`
        : `${said}: the token may not read this ${what}. It needs the permission to read pull requests of this repository, or its rate limit is used up.`;
    case 404:
      return `${said}: the ${what} was not found, or the token has no access to it. The branch or the repository may be gone.`;
    default:
      return `${said} when it was asked for this ${what}.`;
  }
}

/** An address without a user or a password in it. */
function clean(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//").slice(0, 300);
}
