/** A token never leaves for another host than its own (spec/review.md §4.1). */
import { ForgeFailure } from "../failure.ts";
import { parsePullRequestUrl, type PullRequestUrl } from "./pull-request-url.ts";

/** The pull request at `url`, which must be of this kind and at this site. Throws a `ForgeFailure`. */
export function pullRequestAt(provider: "github" | "gitlab", site: string, url: string): PullRequestUrl {
  const parsed = parsePullRequestUrl(url, site);
  if (parsed.kind === "unrecognized_url") throw new ForgeFailure(parsed);
  if (parsed.site !== site) {
    const [expected, got] = [new URL(site).host, new URL(parsed.site).host];
    throw new ForgeFailure({
      kind: "host_mismatch",
      // The same host under another scheme or below another path: then that is what differs.
      expected: expected === got ? site : expected,
      got: expected === got ? parsed.site : got,
    });
  }
  if (parsed.provider !== provider) throw new ForgeFailure({ kind: "unrecognized_url", url: parsed.url });
  return parsed;
}
