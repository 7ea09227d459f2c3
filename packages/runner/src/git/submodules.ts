/** Which submodules a commit has, and where they are. Pure, but for reading them. */
import { gitAddress } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import type { Repository } from "./git.ts";
import { gitWords } from "./remote-errors.ts";
import { parseRemoteUrl } from "./urls.ts";

export interface Submodule {
  readonly name: string;
  readonly url: string;
}

/** `git config --list -z` of a `.gitmodules`: name and url of each; a name without url is none. */
export function parseModules(output: string): Submodule[] {
  const urls = new Map<string, string>();
  for (const entry of output.split("\0")) {
    const cut = entry.indexOf("\n");
    const found = /^submodule\.([^]+)\.url$/.exec(entry.slice(0, cut));
    if (cut > 0 && found?.[1] !== undefined) urls.set(found[1], entry.slice(cut + 1));
  }
  return [...urls].map(([name, url]) => ({ name, url }));
}

/** A url that begins with `./` or `../` is one beside the repository's own, as git reads it. */
export function absoluteUrl(base: string, url: string): string {
  if (!/^\.\.?\//.test(url)) return url;
  let [left, rest] = [base.replace(/\/+$/, ""), url];
  let separator = "/";
  for (;;) {
    if (rest.startsWith("../")) {
      rest = rest.slice("../".length);
      const cut = Math.max(left.lastIndexOf("/"), separator === "/" ? left.lastIndexOf(":") : -1);
      if (left.charAt(cut) === ":") separator = ":";
      left = cut < 0 ? "" : left.slice(0, cut);
    } else if (rest.startsWith("./")) rest = rest.slice("./".length);
    else return `${left}${separator}${rest.replace(/\/+$/, "")}`;
  }
}

function refused(name: string, why: string): GitFailure {
  return new GitFailure({
    phase: "worktree",
    code: "not_allowed",
    message: `The submodule ${JSON.stringify(name)} ${why}.`,
    action: "Mend .gitmodules, or switch git.submodules off for this rig.",
  });
}

/** Git takes no such name itself; here it becomes a path and a section of a config. */
function isName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- a newline would begin another section
  if (/[\x00-\x1f\x7f]/.test(name)) return false;
  return name !== "" && !name.startsWith("/") && !name.split("/").includes("..");
}

/** The submodules of the commit that is checked out. Throws `GitFailure` for one that must not be cloned. */
export async function readModules(
  context: GitContext,
  at: Repository,
  base: string,
  signal: AbortSignal,
): Promise<Submodule[]> {
  const there = await context.git({ at, args: ["cat-file", "-e", "HEAD:.gitmodules"], signal });
  if (!there.ok) return [];
  const read = await context.git({
    at,
    args: ["config", "--blob", "HEAD:.gitmodules", "--list", "-z"],
    signal,
  });
  if (!read.ok) throw refused(".gitmodules", `cannot be read: ${gitWords(read)}`);
  return parseModules(read.stdout).map(({ name, url }) => {
    if (!isName(name)) throw refused(name, "has a name that git does not take");
    const parsed = parseRemoteUrl(absoluteUrl(base, url), context.allowLocal);
    if ("refused" in parsed) throw refused(name, `has a url that ${parsed.refused}`);
    return { name, url: parsed.url };
  });
}

/**
 * The url for which a credential may be had while submodules are cloned: of the rig's own host, whichever
 * way it is reached; the broker gives nothing for another.
 */
export function credentialUrl(base: string, modules: readonly Submodule[]): string {
  const host = gitAddress(base)?.host;
  const urls = [base, ...modules.map(({ url }) => url)];
  return urls.find((url) => /^https?:/i.test(url) && gitAddress(url)?.host === host) ?? base;
}

/** Paths at which an index has a submodule: `ls-files --stage -z`. */
export function parseLinks(output: string): Set<string> {
  const links = output.split("\0").filter((line) => line.startsWith("160000 "));
  return new Set(links.map((line) => line.slice(line.indexOf("\t") + 1)));
}
