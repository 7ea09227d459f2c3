import { writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import {
  convoyDetail,
  convoyShape,
  GastownError,
  rigShape,
  sessionShape,
  townShape,
  townStatus,
  type ConvoyDetail,
} from "@gastown/protocol";
import { z } from "zod";
import { ApiClient } from "../cli/client.ts";
import type { Context } from "../cli/context.ts";
import { CommandError, EXIT } from "../cli/failure.ts";
import { waitFor } from "../cli/live.ts";
import { listOf } from "../cli/target.ts";
import { COMMIT } from "../cli/version.ts";
import { openTasks } from "../cli/waiting.ts";
import { readLocalToken } from "../host/credentials.ts";
import { startHost, type Host } from "../host/host.ts";
import { listRuntimes } from "../host/runtimes.ts";
import { selfCommand } from "../host/self.ts";
import { git } from "./git.ts";
import type { DemoRepository } from "./repository.ts";
import type { Story } from "./show.ts";
import { playbook, SENTENCE } from "./tasks.ts";

export interface DemoRun {
  readonly context: Context;
  /** Folder that everything of the demo is below. */
  readonly root: string;
  readonly repository: DemoRepository;
  readonly story: Story;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface DemoOutcome {
  readonly convoy: ConvoyDetail;
  readonly commits: readonly { sha: string; subject: string; author: string }[];
  readonly agents: readonly { name: string; role: string; runtime: string }[];
}

/** Runs a real host in this process, with a real runner, and waits until the convoy has ended. */
export async function runDemo(run: DemoRun): Promise<DemoOutcome> {
  const host = await demoHost(run);
  try {
    const api = new ApiClient({
      url: host.url,
      token: readLocalToken(host.dir),
      signal: run.signal,
      hint: "The demo's own server has ended.",
    });
    const townId = await prepareTown(api, run);
    const convoy = await work(api, townId, run);
    return { convoy, commits: await newCommits(run.repository), agents: await workers(api, townId) };
  } finally {
    await host.stop({ keepRunners: false, drainWaitMs: 0 });
  }
}

function demoHost({ context, root }: DemoRun): Promise<Host> {
  const log = join(root, "host.log");
  return startHost({
    dataDir: join(root, "data"),
    flags: { listen: "127.0.0.1:0", log_format: "json", log_level: "warn" },
    env: withThisNode(context.env),
    terminal: false,
    writeLog: (line) => writeFileSync(log, line, { flag: "a" }),
    version: context.version,
    commit: COMMIT,
    self: selfCommand(),
    listRuntimes: () => listRuntimes(context.env),
    chooseRuntime: () => ({ id: "scripted", missing: false }),
  });
}

/** Gates and scripts say `node`: this one, wherever the program was started from. */
function withThisNode(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const settings = Object.entries(env).filter(([name]) => !name.startsWith("GASTOWN_"));
  const path = [dirname(process.execPath), env["PATH"] ?? ""].join(delimiter);
  return { ...Object.fromEntries(settings), PATH: path };
}

async function prepareTown(
  api: ApiClient,
  { root, repository, signal, timeoutMs, story }: DemoRun,
): Promise<string> {
  const plan = join(root, "playbook.json");
  writeFileSync(plan, JSON.stringify(playbook(repository.folder)));
  const town = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name: "demo" });
  const path = `/api/towns/${town.id}`;
  await api.call(z.unknown(), "PATCH", `${path}/config`, {
    body: {
      runtime: "scripted",
      env: { SCRIPTED_PLAYBOOK: plan },
      convoy_merge_mode: "review-then-land",
      review: { parallel_reviews: 2, gates: repository.gates },
    },
  });
  const rig = await api.post(rigShape, `${path}/rigs`, {
    name: "greeter",
    gitUrl: repository.remote,
    defaultBranch: repository.branch,
  });
  const ready = await waitFor(api, {
    townId: town.id,
    signal,
    timeoutMs,
    onFrame: (frame) => story.take(frame),
    read: async () => {
      const now = await api.get(rigShape, `${path}/rigs/${rig.id}`);
      return now.state === "pending" ? undefined : now;
    },
    timeoutMessage: () => "The demo's repository was not cloned in time.",
  });
  if (ready.state === "broken")
    throw new GastownError(
      "repository_unusable",
      `The demo's repository could not be cloned: ${ready.stateReason}`,
    );
  return town.id;
}

/** Tells the mayor one sentence and follows what comes of it. */
async function work(
  api: ApiClient,
  townId: string,
  { signal, timeoutMs, story }: DemoRun,
): Promise<ConvoyDetail> {
  const path = `/api/towns/${townId}`;
  let told = false;
  let last: ConvoyDetail | undefined;
  let standing = "";
  const ended = await waitFor(api, {
    townId,
    signal,
    timeoutMs,
    onFrame: (frame) => story.take(frame),
    read: async () => {
      // The feed is open by now: nothing of the story is missed.
      if (!told) await api.post(z.unknown(), `${path}/mayor/message`, { message: SENTENCE });
      told = true;
      last = await theConvoy(api, path);
      if (last === undefined) await mayorFailed(api, path);
      if (last !== undefined) standing = openTasks(last);
      return last !== undefined && ["landed", "failed", "closed"].includes(last.state) ? last : undefined;
    },
    timeoutMessage: () =>
      last === undefined
        ? `The mayor made no convoy within ${timeoutMs / 1000} s.`
        : `The convoy did not land within ${timeoutMs / 1000} s: ${standing}.`,
  });
  if (ended.state !== "landed")
    throw new CommandError(
      EXIT.failed,
      "invalid_transition",
      `The convoy ended as ${ended.state}: ${openTasks(ended)}.`,
    );
  return ended;
}

async function theConvoy(api: ApiClient, path: string): Promise<ConvoyDetail | undefined> {
  for (const state of [undefined, "landed", "failed", "closed"]) {
    const { items } = await api.get(listOf(convoyShape), `${path}/convoys`, { state });
    const [first] = items;
    if (first !== undefined) return api.get(convoyDetail, `${path}/convoys/${first.id}`);
  }
  return undefined;
}

/** A mayor that asks for a person will not make a convoy any more. */
async function mayorFailed(api: ApiClient, path: string): Promise<void> {
  const { needsYou } = await api.get(townStatus, `${path}/status`);
  const [question] = needsYou;
  if (question === undefined) return;
  throw new CommandError(
    EXIT.failed,
    "invalid_transition",
    `The town asks for a person: ${question.title}. ${question.body}`,
  );
}

async function newCommits({ remote, base, branch }: DemoRepository): Promise<DemoOutcome["commits"]> {
  const text = await git(["log", "--format=%H%x1f%an%x1f%s", `${base}..${branch}`], { cwd: remote });
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [sha = "", author = "", subject = ""] = line.split("\u001F");
      return { sha, subject, author };
    });
}

async function workers(api: ApiClient, townId: string): Promise<DemoOutcome["agents"]> {
  const { items } = await api.get(listOf(sessionShape), `/api/towns/${townId}/sessions`);
  const byName = new Map(
    items.map((one) => [one.agentName, { name: one.agentName, role: one.role, runtime: one.runtime }]),
  );
  return [...byName.values()].toSorted((a, b) => a.name.localeCompare(b.name));
}
