/** A runner with a town and a forge for the tests of credentials; `open` and `close` make and end it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { GitTokenRequest, RigRef, StartRequest } from "@gastown/protocol";
import type { RunnerOptions } from "../options.ts";
import { Control, script, SHIM_PROGRAM, World } from "./harness.ts";
import { PLANTED, TokenForge, writeScriptedGh } from "./token-forge.ts";
import { CAPABILITY_FILE, capabilityFile } from "../broker/messages.ts";

export const FORGE_TOKEN = `ghs_${PLANTED}`;

/** On a busy machine each program that an agent starts takes its seconds. */
const LIMIT_MS = 300_000;

export let world: World;
export let forge: TokenForge;
export let control: Control;
export let rig: RigRef;
let bin: string;

/** A runner with its town and forge; the agent process is one for all sessions, as in life. */
export async function open(
  more: Partial<RunnerOptions> = {},
  prepare: () => void = () => undefined,
): Promise<void> {
  world = new World();
  await world.town.start();
  forge = await TokenForge.serve(world.dir);
  bin = writeScriptedGh(world.dir, forge);
  rig = { ...world.rig, git_url: forge.url("remote") };
  world.town.onToken = tokenOf;
  prepare();
  const path = `${bin}:${process.env["PATH"] ?? ""}`;
  const runner = await world.runner({
    shim: { command: process.execPath, args: [SHIM_PROGRAM] },
    hostEnv: { PATH: path, HOME: world.dir, ...more.hostEnv },
    gitEnv: { PATH: path, HOME: world.dir },
    initializeMs: LIMIT_MS,
    toolsMs: LIMIT_MS,
    quietMs: LIMIT_MS,
  });
  control = new Control(runner);
  world.settleOnDone(() => control);
}

export async function close(): Promise<void> {
  await world.close();
  await forge.http.close();
}

/** The real town's answer: for the rig that asks, minted now. */
export const tokenOf = ({ host }: GitTokenRequest) => {
  if (host !== forge.host) return { code: "host_mismatch", message: `nothing for ${host}` };
  return {
    username: "x-access-token",
    token: forge.mint("remote"),
    source: "town integration",
    forge: "github" as const,
  };
};

export async function begin(steps: object[], more: Partial<StartRequest> = {}): Promise<StartRequest> {
  const start = world.start(script({ steps }), { rig, ...more });
  await control.post("/agents/start", start);
  return start;
}

export const ended = (start: StartRequest) => world.town.endOf(start.session_id, LIMIT_MS);

export const until = <T>(what: string, look: () => T | undefined | null | false): Promise<T> =>
  world.town.facts.until(what, look, LIMIT_MS);
export const firstTurn = (start: StartRequest): Promise<unknown> =>
  until("the turn", () =>
    world.town.statuses.find(({ session, phase }) => session === start.session_id && phase === "first_turn"),
  );

export const own = (start: StartRequest): string => `HEAD:refs/heads/${start.branch ?? ""}`;
/** What a command of an agent said, with its exit code, in a file beside the worktree. */
export const noted = (command: string, name: string): object => ({
  run: { command: `{ ${command}; } > ../${name} 2>&1; echo "exit $?" >> ../${name}`, allow_failure: true },
});
export const read = (start: StartRequest, name: string): string =>
  readFileSync(join(worktreeOf(start), "..", name), "utf8").trim();
export const worktreeOf = (start: StartRequest): string =>
  join(world.root, "git", "slots", start.agent.id, rig.id);
export const capabilityOf = (start: StartRequest) => {
  const gitDir = readFileSync(join(worktreeOf(start), ".git"), "utf8")
    .replace("gitdir: ", "")
    .trim();
  return capabilityFile.parse(JSON.parse(readFileSync(join(gitDir, CAPABILITY_FILE), "utf8")));
};

/** Every file below `folder` that holds `needle`. */
export function filesWith(folder: string, needle: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = join(folder, name);
    return (
      statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).includes(needle)
    );
  });
}

export function processesWith(needle: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return ["environ", "cmdline"].some((part) => readFileSync(`/proc/${pid}/${part}`).includes(needle));
    } catch {
      return false;
    }
  });
}

export const clock = (ms: number): string => `curl -sf '${forge.http.origin}/api/clock?ms=${ms}' > /dev/null`;

export interface GhSeen {
  pid: number;
  carriers: string[];
  args: string[];
  names: string[];
}

/** A file that a process of an agent makes; its runner's next report comes after it. */
export async function untilFile(path: string): Promise<void> {
  await until(path, () => statSync(path, { throwIfNoEntry: false }) !== undefined);
}
