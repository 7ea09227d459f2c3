/**
 * What a webhook says: which pull requests to look at now. Nothing else in it is believed; the look
 * itself asks the forge (spec/api.md §3.4). Without webhooks everything works, only later.
 */
import { parsePullRequestUrl } from "../urls/pull-request-url.ts";

export type WebhookReading =
  /** No valid signature or token: answered with a quiet 401, and nothing of it is read. */
  | { kind: "refused" }
  /** Genuine, and not about a pull request, or not understood. */
  | { kind: "ignored"; delivery: string | null; event: string }
  | {
      kind: "concerns";
      /** The same for a delivery that is sent again; null: the forge gave none. */
      delivery: string | null;
      event: string;
      /** Urls in their one form, as far as they are told. */
      pullRequests: readonly string[];
      /** A commit whose checks changed, or that was pushed: what has it as its head is concerned. */
      headSha: string | null;
      /** A branch that was pushed: what comes from it or goes into it is concerned. */
      branch: string | null;
    };

export interface WebhookRequest {
  readonly headers: { get(name: string): string | null };
  /** The body as it arrived: the signature is over these characters. */
  readonly body: string;
}

export type Concern = Pick<
  Extract<WebhookReading, { kind: "concerns" }>,
  "pullRequests" | "headSha" | "branch"
>;

export const NO_CONCERN: Concern = { pullRequests: [], headSha: null, branch: null };

/** The url in its one form; nothing where it is none. */
export function urlsOf(...texts: readonly (string | null | undefined)[]): string[] {
  return texts.flatMap((text) => {
    const parsed = text ? parsePullRequestUrl(text) : null;
    return parsed?.kind === "pull_request" ? [parsed.url] : [];
  });
}

const BRANCH = "refs/heads/";

/** The branch of a ref; null: a tag, or nothing. */
export const branchOf = (ref: string | null | undefined): string | null =>
  ref?.startsWith(BRANCH) === true ? ref.slice(BRANCH.length) : null;

export function readingOf(delivery: string | null, event: string, concern: Concern): WebhookReading {
  const { pullRequests, headSha, branch } = concern;
  return pullRequests.length === 0 && headSha === null && branch === null
    ? { kind: "ignored", delivery, event }
    : { kind: "concerns", delivery, event, pullRequests, headSha, branch };
}
