/** Real repositories for the tests of this folder: a bare remote, a person's clone, a workspace. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BranchRequest, GatesRequest, GitIdentity, MergeRequestBody, RigRef } from "@gastown/protocol";
import type { GitWorkspace, PrepareOptions, SaveOptions, SettleOptions } from "../types.ts";
import { createGitWorkspace } from "../workspace.ts";

const AGENT: GitIdentity = { name: "Toast", email: "toast@gastown.invalid" };
export const NEVER: AbortSignal = new AbortController().signal;
const PERSON = {
  GIT_AUTHOR_NAME: "Ann",
  GIT_AUTHOR_EMAIL: "ann@example.com",
  GIT_COMMITTER_NAME: "Ann",
  GIT_COMMITTER_EMAIL: "ann@example.com",
};

/** The letters of `text` in an id of the wanted kind. */
export function id(prefix: string, text: string): string {
  return `${prefix}_${text
    .toUpperCase()
    .replaceAll(/[^0-9A-HJKMNP-TV-Z]/g, "0")
    .padStart(26, "0")}`;
}

/** Plain git, as a person has it: independent of the code under test. */
export function git(dir: string, ...args: string[]): string {
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", ...PERSON };
  return execFileSync("git", ["-c", "init.defaultBranch=main", ...args], {
    cwd: dir,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

export interface Fixture {
  readonly base: string;
  /** The bare repository. */
  readonly remote: string;
  /** A person's clone of it. */
  readonly clone: string;
  readonly root: string;
  readonly rig: RigRef;
  readonly workspace: GitWorkspace;
  readonly events: { event: string; data: object }[];
  /** Another workspace on the same directories, as after a restart of the runner. */
  restart(): GitWorkspace;
  /** A person commits files (null deletes one) on a branch and pushes it. Answers the commit. */
  personPushes(branch: string, files: Readonly<Record<string, string | null>>, message?: string): string;
  /** What the remote has at a ref; null for none. */
  remoteHead(ref: string): string | null;
  remoteHas(ancestor: string, ref: string): boolean;
  remove(): void;
}

export interface FixtureOptions {
  /** A script in front of git: see `gitWrapper`. */
  readonly wrapper?: (base: string) => string;
  readonly url?: (remote: string) => string;
  readonly empty?: boolean;
}

function seed(base: string, remote: string, clone: string, empty: boolean): void {
  git(base, "init", "--quiet", "--bare", remote);
  git(base, "clone", "--quiet", remote, clone);
  if (empty) return;
  writeFileSync(join(clone, "README.md"), "one\ntwo\nthree\nfour\nfive\n");
  writeFileSync(join(clone, ".gitignore"), "cache/\n");
  git(clone, "add", ".");
  git(clone, "commit", "--quiet", "--message", "Begin");
  git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
}

export function commitFiles(
  dir: string,
  files: Readonly<Record<string, string | null>>,
  message = "Change",
): string {
  for (const [name, content] of Object.entries(files)) {
    if (content === null) rmSync(join(dir, name));
    else {
      mkdirSync(join(dir, name, ".."), { recursive: true });
      writeFileSync(join(dir, name), content);
    }
  }
  git(dir, "add", "--all");
  git(dir, "commit", "--quiet", "--allow-empty", "--message", message);
  return git(dir, "rev-parse", "HEAD");
}

export function makeFixture(options: FixtureOptions = {}): Fixture {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "gastown-git-")));
  const [remote, clone, root] = [join(base, "remote.git"), join(base, "clone"), join(base, "work")];
  seed(base, remote, clone, options.empty ?? false);
  const rig: RigRef = {
    id: id("rig", "1"),
    name: "shop",
    git_url: options.url?.(remote) ?? remote,
    default_branch: "main",
  };
  const events: { event: string; data: object }[] = [];
  const gitEnv: Record<string, string> =
    options.wrapper === undefined ? {} : { PATH: gitWrapper(base, options.wrapper(base)) };
  const restart = (): GitWorkspace =>
    createGitWorkspace({
      root,
      log: (event, data) => events.push({ event, data }),
      gitEnv,
      allowLocal: true,
    });
  return {
    base,
    remote,
    clone,
    root,
    rig,
    events,
    workspace: restart(),
    restart,
    personPushes: (branch, files, message) => personPushes(clone, branch, files, message),
    remoteHead: (ref) => remoteHead(remote, ref),
    remoteHas: (ancestor, ref) => git(remote, "rev-list", ref).split("\n").includes(ancestor),
    remove: () => rmSync(base, { recursive: true, force: true, maxRetries: 3 }),
  };
}

function personPushes(
  clone: string,
  branch: string,
  files: Readonly<Record<string, string | null>>,
  message?: string,
): string {
  git(clone, "fetch", "--quiet", "origin");
  const known = git(clone, "branch", "--remotes", "--list", `origin/${branch}`) !== "";
  git(clone, "checkout", "--quiet", "--detach", known ? `origin/${branch}` : "origin/main");
  const commit = commitFiles(clone, files, message);
  git(clone, "push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
  return commit;
}

function remoteHead(remote: string, ref: string): string | null {
  const line = git(remote, "for-each-ref", "--format=%(refname) %(objectname)", ref)
    .split("\n")
    .find((text) => text.startsWith(`${ref} `));
  return line === undefined ? null : (line.split(" ")[1] ?? null);
}

/** A `PATH` on which `git` is `script` (sh), run with `$REAL` before it goes on to the real git. */
function gitWrapper(base: string, script: string): string {
  const path = process.env["PATH"] ?? "";
  const real =
    path
      .split(":")
      .map((dir) => join(dir, "git"))
      .find((file) => existsSync(file)) ?? "git";
  const bin = join(base, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "git"), `#!/bin/sh\nREAL=${real}\n${script}\nexec "$REAL" "$@"\n`);
  chmodSync(join(bin, "git"), 0o755);
  return `${bin}:${path}`;
}

/** Wrapper text: the first git call whose first word is `verb` runs `script`, the later ones do not. */
export function once(base: string, verb: string, script: string): string {
  const flag = join(base, `${verb}.done`);
  return `if [ "$1" = ${verb} ] && [ ! -e ${flag} ]; then touch ${flag}\n${script}\nfi`;
}

export function prepareOptions(f: Fixture, more: Partial<PrepareOptions> = {}): PrepareOptions {
  return {
    slot: id("agent", "1"),
    rig: f.rig,
    branch: "gt/toast/1",
    startPoint: "refs/heads/main",
    keep: false,
    goesOn: null,
    author: AGENT,
    signal: NEVER,
    ...more,
  };
}

export function settleOptions(f: Fixture, dir: string, more: Partial<SettleOptions> = {}): SettleOptions {
  return {
    dir,
    rig: f.rig,
    branch: "gt/toast/1",
    target: "main",
    startHead: null,
    allowRewrite: false,
    author: AGENT,
    coauthor: null,
    message: "Finish the work",
    noChanges: false,
    signal: NEVER,
    ...more,
  };
}

export function saveOptions(f: Fixture, dir: string, more: Partial<SaveOptions> = {}): SaveOptions {
  return { dir, rig: f.rig, sessionId: id("sess", "1"), author: AGENT, signal: NEVER, ...more };
}

const effect = { effect_id: id("eff", "1"), attempt: 1 };

export function mergeRequest(
  f: Fixture,
  reviewed: string,
  more: Partial<MergeRequestBody> = {},
): MergeRequestBody {
  return {
    ...effect,
    rig: f.rig,
    branch: "gt/toast/1",
    reviewed_sha: reviewed,
    target: "main",
    method: "merge",
    message: { subject: "Land the work", body: "Because it is reviewed." },
    author: AGENT,
    gates: [],
    env: {},
    setup: [],
    ...more,
  };
}

export function branchRequest(f: Fixture, more: Partial<BranchRequest>): BranchRequest {
  return {
    ...effect,
    rig: f.rig,
    operation: "create",
    branch: "convoy/x/1/head",
    from: "refs/heads/main",
    expected_head: null,
    ...more,
  };
}

export function gatesRequest(f: Fixture, head: string, more: Partial<GatesRequest> = {}): GatesRequest {
  return { ...effect, rig: f.rig, head_sha: head, gates: [], env: {}, setup: [], ...more };
}

export function gate(
  name: string,
  command: string,
  more: { required?: boolean; timeout_seconds?: number } = {},
): GatesRequest["gates"][number] {
  return { name, command, timeout_seconds: 60, required: true, ...more };
}

/** A work branch with one commit, pushed by a person: ready to be merged. */
export function workBranch(
  f: Fixture,
  files: Readonly<Record<string, string | null>>,
  branch = "gt/toast/1",
): string {
  return f.personPushes(branch, files, "Do the work");
}
