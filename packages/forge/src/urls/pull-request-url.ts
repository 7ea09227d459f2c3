/** Which strings are urls of pull requests or merge requests (spec/review.md §4.1). */
import type { ForgeError } from "@gastown/protocol";
import { redactUrl } from "./redact.ts";
import { belowSite, siteOf } from "./site.ts";

export interface PullRequestUrl {
  readonly kind: "pull_request";
  readonly provider: "github" | "gitlab";
  /** Of the forge: scheme, host and port, and the path below which it lives where that was told. */
  readonly site: string;
  /** `owner/name`, or on GitLab the path with all groups. */
  readonly project: string;
  readonly number: number;
  /** The same in its one form: no user, query, fragment or tab. */
  readonly url: string;
}

export type NotRecognized = Extract<ForgeError, { kind: "unrecognized_url" }>;

const GITHUB = /^\/([^/]+\/[^/]+)\/pull\/([1-9]\d{0,9})(?:\/[a-z]+.*)?\/?$/;
const GITLAB = /^\/([^/]+(?:\/[^/]+)+?)\/-\/merge_requests\/([1-9]\d{0,9})(?:\/[a-z_]+.*)?\/?$/;
/** What a segment of a project's path may be, so that none can mean another place in an API's path. */
const SEGMENT = /^[A-Za-z0-9_.-]+$/;

const unrecognized = (text: string): NotRecognized => ({ kind: "unrecognized_url", url: redactUrl(text) });

const isProject = (path: string): boolean =>
  path.split("/").every((segment) => SEGMENT.test(segment) && segment !== "." && segment !== "..");

/**
 * Parses it by its form alone; which host may be asked is another question. `site`: a forge that may live
 * below a path of its host, as no url tells by itself. Never throws.
 */
export function parsePullRequestUrl(text: string, site?: string): PullRequestUrl | NotRecognized {
  if (text.length > 2000 || /[\s\\]/.test(text) || !/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text))
    return unrecognized(text);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.hostname === "") return unrecognized(text);
  const gitlab = GITLAB.exec(url.pathname);
  const [provider, match] =
    gitlab === null ? (["github", GITHUB.exec(url.pathname)] as const) : (["gitlab", gitlab] as const);
  const [, path, digits] = match ?? [];
  if (path === undefined || digits === undefined || !isProject(path)) return unrecognized(text);
  const below = site === undefined ? null : belowSite(site, url.origin, path);
  return {
    kind: "pull_request",
    provider,
    site: site === undefined || below === null ? url.origin : siteOf(site),
    project: below ?? path,
    number: Number(digits),
    url: `${url.origin}/${path}/${provider === "github" ? "pull" : "-/merge_requests"}/${digits}`,
  };
}
