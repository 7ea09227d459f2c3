/** The programs that come first in an agent's PATH, and how git finds its helper (spec/runner.md §5). */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../agents/find-program.ts";

export interface ShimCommand {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Shims {
  /** First in an agent's PATH. */
  readonly dir: string;
  /** git's only credential helper, as a setting: everything that was configured before is put aside. */
  readonly gitConfig: readonly (readonly [string, string])[];
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Options of git that take a value of their own, and commands that talk to no remote by themselves. */
const GIT_SHIM = (real: string, shim: string): string => `#!/bin/sh
# Written by gastown's runner: pushes are looked at, everything else is git as it is.
unset GH_TOKEN GITHUB_TOKEN GH_ENTERPRISE_TOKEN GITHUB_ENTERPRISE_TOKEN GITLAB_TOKEN
skip= command=
for word do
  if [ -n "$skip" ]; then skip=; continue; fi
  case $word in
    -C|-c|--git-dir|--work-tree|--namespace|--super-prefix|--config-env|--attr-source) skip=1 ;;
    -*) ;;
    *) command=$word; break ;;
  esac
done
case $command in
  ''|add|am|apply|archive|bisect|blame|branch|bundle|cat-file|check-attr|check-ignore|check-ref-format|checkout|checkout-index|cherry|\\
  cherry-pick|clean|clone|commit|commit-tree|config|count-objects|describe|diff|diff-files|diff-index|diff-tree|fetch|\\
  for-each-ref|format-patch|fsck|gc|grep|hash-object|help|init|lfs|log|ls-files|ls-remote|ls-tree|maintenance|merge|\\
  merge-base|merge-file|merge-tree|mktree|mv|name-rev|notes|pack-refs|prune|pull|range-diff|read-tree|rebase|reflog|\\
  remote|repack|replace|rerere|reset|restore|rev-list|rev-parse|revert|rm|shortlog|show|show-branch|show-ref|\\
  sparse-checkout|stash|status|submodule|switch|symbolic-ref|tag|update-index|update-ref|var|verify-commit|version|\\
  whatchanged|worktree|write-tree)
    exec ${quote(real)} "$@" ;;
esac
exec ${shim} git "$@"
`;

const NODE_SHIM = (shim: string, program: string): string => `#!/bin/sh
# Written by gastown's runner.
exec ${shim} ${program} "$@"
`;

/** git asks it for three things, of which one has an answer: the others start nothing. */
const CREDENTIAL_SHIM = (shim: string): string => `#!/bin/sh
# Written by gastown's runner.
[ "$1" = get ] || exit 0
exec ${shim} credential get
`;

/** Writes them anew: another version, or another place of git, may have written those that are there. */
export function writeShims(root: string, self: ShimCommand, hostPath: string | undefined): Shims {
  const dir = join(root, "shims", "bin");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const shim = [self.command, ...self.args, dir].map(quote).join(" ");
  const real = findProgram("git", hostPath ?? "") ?? "/usr/bin/git";
  write(join(dir, "git"), GIT_SHIM(real, shim));
  for (const program of ["gh", "glab"]) write(join(dir, program), NODE_SHIM(shim, program));
  // Not in PATH: git is told where it is.
  const helper = join(root, "shims", "credential");
  write(helper, CREDENTIAL_SHIM(shim));
  return {
    dir,
    gitConfig: [
      ["credential.helper", ""],
      ["credential.helper", `!${quote(helper)}`],
    ],
  };
}

function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o700 });
  chmodSync(`${path}.new`, 0o700);
  renameSync(`${path}.new`, path);
}
