/**
 * What an agent may ask of git and of its forge (spec/runner.md §5). These are guard rails: they keep an
 * agent that means well from doing the town's part, and tell it what to do instead.
 */
import type { SessionContext } from "./messages.ts";

export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly message: string };

export const ALLOWED: Verdict = { allowed: true };
export const refuse = (message: string): Verdict => ({ allowed: false, message });

export const OPENS_ITSELF =
  "The town opens the pull request itself. Commit your work and call gt_done; nothing else is needed.";
export const MERGES_ITSELF =
  "The town merges, when the work is reviewed and its checks are green. Call gt_done when your work is finished.";
export const SHOWS_NO_TOKEN =
  "A token is handed to git, gh and glab when they need it, and shown to nobody. Just run the command that needs it.";

/** Value-less words and the words of a command line, for programs whose commands come first. */
export function commandWords(args: readonly string[], valueFlags: ReadonlySet<string>): string[] {
  const words: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? "";
    if (valueFlags.has(arg)) i += 1;
    else if (!arg.startsWith("-")) words.push(arg);
  }
  return words;
}

/** Every value of a flag: `-X v`, `-Xv`, `-X=v`, `--method v`, `--method=v`. */
export function flagValues(args: readonly string[], short: string | null, long: string): string[] {
  const values: string[] = [];
  for (const [i, arg] of args.entries()) {
    if (arg === `--${long}` || (short !== null && arg === `-${short}`)) values.push(args[i + 1] ?? "");
    else if (arg.startsWith(`--${long}=`)) values.push(arg.slice(long.length + 3));
    else if (short !== null && !arg.startsWith("--") && arg.startsWith(`-${short}`))
      values.push(arg.slice(2).replace(/^=/, ""));
  }
  return values;
}

/** Whether this names the session's own repository: `owner/name`, `host/owner/name`, or a url of it. */
export function isOwnRepository(text: string, { host, repository }: SessionContext): boolean {
  if (repository === null || host === null) return false;
  const named = text
    .replace(/^[a-z]+:\/\//i, "")
    .replace(/\.git$/, "")
    .toLowerCase();
  const own = repository.toLowerCase();
  const whole = `${host}/${own}`;
  return named === own || named === whole || named.startsWith(`${whole}/`);
}
