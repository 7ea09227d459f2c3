/**
 * What stands behind `git`, `gh`, `glab` and git's credential helper in an agent's PATH: asks the
 * broker, then becomes the real program (spec/runner.md §5).
 */
import { askBroker } from "./ask.ts";
import { credentialHelper } from "./credential-helper.ts";
import { checkoutsIn, findSession } from "./find-session.ts";
import { judgeGh, judgeGlab } from "./forge-policy.ts";
import { judgeCommand, judgePush, parseGit } from "./git-policy.ts";
import type { CapabilityFile, SessionContext } from "./messages.ts";
import { PURPOSE_ENV } from "./messages.ts";
import { flagValues, isOwnRepository } from "./policy.ts";
import { ancestorDirectories } from "./ancestors.ts";
import { ask as askProgram, become, cleanEnv, forgeEnv, realProgram } from "./real-program.ts";

/** `gastown shim <shims folder> <program> <arguments>`; ends this process, or becomes another. */
export async function shimMain([shims = "", program = "", ...args]: readonly string[]): Promise<void> {
  if (program === "git") await gitShim(shims, args);
  else if (program === "gh" || program === "glab") await forgeShim(shims, program, args);
  else await credentialHelper(shims, args[0] ?? "");
}

function stop(program: string, message: string, code = 1): void {
  process.stderr.write(`${program}: ${message}\n`);
  process.exitCode = code;
}

const session = (): CapabilityFile | null => findSession(process.env, process.cwd(), ancestorDirectories);

async function contextOf(file: CapabilityFile): Promise<SessionContext | string> {
  const answer = await askBroker(file, { ask: "context" });
  if (answer.kind === "context") return answer.context;
  return answer.kind === "refused" ? answer.message : "The broker did not understand.";
}

async function gitShim(shims: string, argv: readonly string[]): Promise<void> {
  const real = realProgram("git", shims);
  if (real === null) return stop("git", "git is not installed on this host.", 127);
  const { globals, name, args } = withAlias(real, parseGit(argv));
  const verdict = judgeCommand(name);
  if (!verdict.allowed) return stop("git", verdict.message);
  if (name !== "push") return become(real, argv, cleanEnv());
  const found = session();
  if (found === null) return stop("git", "Pushes go from the session's worktree only, to its own branch.");
  const context = await contextOf(found);
  if (typeof context === "string") return stop("git", context);
  const say = (...words: string[]): string => askProgram(real, [...globals, ...words]);
  const place = {
    branch: context.branch,
    current: say("symbolic-ref", "--quiet", "--short", "HEAD") || null,
    remotes: ["origin", say("config", "--get", "remote.origin.url")].filter((one) => one !== ""),
  };
  const push = judgePush(args, place);
  if (!push.allowed) return stop("git", push.message);
  const plain = ["-c", "push.followTags=false", "-c", "push.recurseSubmodules=no"];
  return become(real, [...globals, ...plain, name, ...args], { ...cleanEnv(), [PURPOSE_ENV]: "push" });
}

/** An alias may stand for a push; one that is a shell command is taken for what its words say. */
function withAlias(real: string, command: ReturnType<typeof parseGit>): ReturnType<typeof parseGit> {
  const { globals, name, args } = command;
  if (name === "" || name === "push") return command;
  const alias = askProgram(real, [...globals, "config", "--get", `alias.${name}`]);
  if (alias === "") return command;
  const words = alias.replace(/^!\s*(git\s+)?/, "").split(/\s+/);
  const at = words.indexOf("push");
  if (at === -1) return command;
  return { globals, name: "push", args: [...words.slice(at + 1), ...args] };
}

type Found = { readonly file: CapabilityFile; readonly context: SessionContext };

/** The session of this place; in a mayor's own directory the checkout that is named, or its only one. */
async function forgeSession(program: string, args: readonly string[]): Promise<Found | string> {
  const here = session();
  const files = here === null ? checkoutsIn(process.cwd()) : [here];
  const found: Found[] = [];
  let problem = `Run ${program} in the session's worktree: outside of it there is nothing to look at.`;
  for (const file of files) {
    const context = await contextOf(file);
    if (typeof context === "string") problem = context;
    else found.push({ file, context });
  }
  const named = flagValues(args, "R", "repo");
  const right = found.find(({ context }) => named.some((one) => isOwnRepository(one, context)));
  const only = found.length === 1 ? found[0] : right;
  if (only !== undefined) return only;
  if (found.length === 0) return problem;
  const rigs = found.flatMap(({ context: { host, repository } }) => `${host ?? ""}/${repository ?? ""}`);
  return `Run ${program} in one of the checkouts, or name one with --repo: ${rigs.join(", ")}.`;
}

async function forgeShim(shims: string, program: "gh" | "glab", args: readonly string[]): Promise<void> {
  const at = await forgeSession(program, args);
  if (typeof at === "string") return stop(program, at);
  const { file: found, context } = at;
  const verdict = (program === "gh" ? judgeGh : judgeGlab)(args, context);
  if (!verdict.allowed) return stop(program, verdict.message);
  const real = realProgram(program, shims);
  if (real === null)
    return stop(
      program,
      `${program} is not installed on this host. You can do without: your gt_ tools show reviews and comments.`,
      127,
    );
  const answer = await askBroker(found, {
    ask: "credential",
    host: null,
    protocol: "https",
    purpose: "api",
    program,
    pid: process.pid,
  });
  if (answer.kind === "refused") return stop(program, answer.message);
  if (answer.kind !== "credential") return stop(program, "The broker did not understand.");
  const wanted = program === "gh" ? "github" : "gitlab";
  if (answer.token !== null && answer.forge !== wanted)
    return stop(program, `This repository is on ${answer.host}, which is not what ${program} is for.`);
  return become(real, args, forgeEnv(shims, program, { ...answer, repository: context.repository }));
}
