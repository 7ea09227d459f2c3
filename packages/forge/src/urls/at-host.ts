/** A token never leaves for another host than its own (spec/review.md §4.1). */
import { ForgeFailure } from "../failure.ts";
import { parsePullRequestUrl, type PullRequestUrl } from "./pull-request-url.ts";

/** The pull request at `url`, which must be of this kind and at this origin. Throws a `ForgeFailure`. */
export function pullRequestAt(provider: "github" | "gitlab", origin: string, url: string): PullRequestUrl {
  const parsed = parsePullRequestUrl(url);
  if (parsed.kind === "unrecognized_url") throw new ForgeFailure(parsed);
  if (parsed.origin !== origin) {
    const [expected, got] = [new URL(origin).host, new URL(parsed.origin).host];
    throw new ForgeFailure({
      kind: "host_mismatch",
      // The same host under another scheme: then the scheme is what differs.
      expected: expected === got ? origin : expected,
      got: expected === got ? parsed.origin : got,
    });
  }
  if (parsed.provider !== provider) throw new ForgeFailure({ kind: "unrecognized_url", url: parsed.url });
  return parsed;
}
