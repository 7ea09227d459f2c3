/** One bare mirror per rig: every commit of it that this machine has (spec/runner.md §5). */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RigRef } from "@gastown/protocol";
import { GitFailure } from "./failure.ts";
import type { Git } from "./git.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import { parseRemoteUrl } from "./urls.ts";

export interface MirrorOptions {
  readonly root: string;
  readonly allowLocal: boolean;
  readonly git: Git;
}

/** A value for a git config file. */
export function configValue(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/**
 * The shared settings of a mirror's worktrees. `push.default=nothing`: an agent's plain `git push`
 * names no branch by accident. `logAllRefUpdates`: settle and save read where a head has been.
 */
function mirrorConfig(url: string): string {
  return `[core]
	repositoryformatversion = 1
	filemode = true
	logAllRefUpdates = true
[extensions]
	worktreeConfig = true
[gc]
	auto = 0
[maintenance]
	auto = false
[push]
	default = nothing
[remote "origin"]
	url = ${configValue(url)}
	fetch = +refs/heads/*:refs/remotes/origin/*
`;
}

/** What holds for every rig of that url. */
type Made = Omit<RemoteOf, "lfs" | "pushOptions">;

const NEVER = new AbortController().signal;

export class Mirrors {
  readonly #options: MirrorOptions;
  readonly #ready = new Map<string, Promise<Made>>();

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  pathOf(rigId: string): string {
    return join(this.#options.root, "mirrors", `${rigId}.git`);
  }

  /** The rig's mirror, made if need be (nothing is fetched). Throws `GitFailure`. */
  of(rig: RigRef): Promise<RemoteOf> {
    const key = `${rig.id}\n${rig.git_url}`;
    const made = this.#ready.get(key) ?? this.#make(rig);
    if (!this.#ready.has(key)) made.catch(() => this.#ready.delete(key));
    this.#ready.set(key, made);
    const { lfs = false, push_options: pushOptions = [] } = rig;
    return made.then((of) => ({ ...of, lfs, pushOptions }));
  }

  async #make(rig: RigRef): Promise<Made> {
    const parsed = parseRemoteUrl(rig.git_url, this.#options.allowLocal);
    if ("refused" in parsed) {
      throw new GitFailure({
        phase: "repository",
        code: "not_allowed",
        message: `The url of rig ${rig.name} ${parsed.refused}.`,
        action: "Give the rig an https or ssh url without credentials.",
      });
    }
    const mirror = this.pathOf(rig.id);
    const config = await readFile(join(mirror, "config"), "utf8").catch(() => null);
    if (config === null) await this.#create(mirror, parsed.url);
    else if (!config.includes(`url = ${configValue(parsed.url)}\n`))
      await writeFile(join(mirror, "config"), mirrorConfig(parsed.url));
    return { mirror, url: parsed.url, rigId: rig.id };
  }

  /** Made beside its place and renamed: a crash leaves no half mirror. */
  async #create(mirror: string, url: string): Promise<void> {
    const fresh = `${mirror}.new`;
    await rm(fresh, { recursive: true, force: true });
    await rm(mirror, { recursive: true, force: true });
    await mkdir(fresh, { recursive: true, mode: 0o700 });
    const made = await this.#options.git({
      at: { gitDir: fresh },
      args: ["init", "--quiet", "--bare", "--template="],
      signal: NEVER,
    });
    if (!made.ok) {
      const action = "Check that the data directory is writable and has space.";
      throw new GitFailure({
        phase: "repository",
        code: "disk",
        message: `A mirror could not be made: ${gitWords(made)}`,
        action,
      });
    }
    await writeFile(join(fresh, "config"), mirrorConfig(url));
    await writeFile(join(fresh, "config.worktree"), "[core]\n\tbare = true\n");
    await rename(fresh, mirror);
  }
}
