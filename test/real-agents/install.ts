/**
 * Agents' own programs for tests (spec/stack-facts.md §8): pinned, installed with npm when a test
 * first needs them, in a git-ignored folder outside the workspaces, and found there the next time.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface Agent {
  readonly package: string;
  readonly version: string;
  /** Whether its install script has to run: without it OpenCode has no program at all. */
  readonly script: boolean;
}

/** By runtime id, which is also the name of the program. */
const AGENTS = {
  kilo: { package: "@kilocode/cli", version: "7.7.7", script: false },
  opencode: { package: "opencode-ai", version: "1.18.33", script: true },
} as const satisfies Record<string, Agent>;
export type AgentId = keyof typeof AGENTS;

/** The registry could not be asked or does not have the package: nobody's defect, so tests skip. */
export class NotDelivered extends Error {}

const CACHE = fileURLToPath(new URL("../../.agents/", import.meta.url));
const INSTALL_MS = 280_000;
const PROBE_MS = 240_000;

/** What npm says when the network or the registry is the reason. */
const REGISTRY =
  /^(E4\d\d|E5\d\d|ETARGET|ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ESOCKETTIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|EBADPLATFORM)$/;

/**
 * The folder to put on `PATH`, with exactly the pinned version in it.
 * @throws NotDelivered when the registry does not deliver within 5 minutes; Error for anything else.
 */
export async function installAgent(id: AgentId): Promise<string> {
  const agent: Agent = AGENTS[id];
  const home = join(CACHE, `${id}@${agent.version}`);
  if (existsSync(home)) await probe(id, agent, home);
  else await install(id, agent, home);
  return binOf(home);
}

const binOf = (home: string): string => join(home, "node_modules", ".bin");

async function probe(id: AgentId, agent: Agent, home: string): Promise<void> {
  const options = { cwd: home, timeoutMs: PROBE_MS };
  const { stdout, stderr } = await run(join(binOf(home), id), ["--version"], options);
  if (stdout.includes(agent.version)) return;
  throw new Error(
    `${agent.package}@${agent.version} does not work in ${home}: "${id} --version" said "${stdout}${stderr}". Delete that folder to install it again.`,
  );
}

/** Complete and working, or not there: it becomes visible under its name by one rename. */
async function install(id: AgentId, agent: Agent, home: string): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, ".new-"));
  try {
    const wanted = {
      private: true,
      dependencies: { [agent.package]: agent.version },
      allowScripts: { [agent.package]: agent.script },
    };
    writeFileSync(join(folder, "package.json"), JSON.stringify(wanted, null, 2));
    const args = ["install", "--prefix", folder, "--json", "--no-package-lock", "--no-audit", "--no-fund"];
    const npm = await run("npm", args, { cwd: folder, timeoutMs: INSTALL_MS });
    if (npm.code !== 0) throw npmFailure(agent, npm);
    await probe(id, agent, folder);
    if (!existsSync(home)) renameSync(folder, home);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function npmFailure(agent: Agent, npm: Finished): Error {
  const what = `${agent.package}@${agent.version}`;
  if (npm.timedOut)
    return new NotDelivered(`The registry did not deliver ${what} within ${INSTALL_MS / 1_000} s.`);
  const { code, summary } = npmErrorOf(npm.stdout);
  if (REGISTRY.test(code))
    return new NotDelivered(`The registry does not deliver ${what}: ${code}, ${summary}`);
  return new Error(`npm could not install ${what}: ${code} ${summary}\n${npm.stderr}`);
}

/** With `--json` npm writes `{"error": {"code", "summary", "detail"}}`. */
function npmErrorOf(stdout: string): { code: string; summary: string } {
  const field = (name: string): string | undefined => new RegExp(`"${name}": "([^"]*)`).exec(stdout)?.[1];
  return { code: field("code") ?? "unknown", summary: field("summary") ?? stdout };
}

interface Finished {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

function run(file: string, args: string[], options: { cwd: string; timeoutMs: number }): Promise<Finished> {
  return new Promise((done) => {
    const settings = { cwd: options.cwd, timeout: options.timeoutMs, maxBuffer: 16 * 1024 * 1024 };
    execFile(file, args, settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? null);
      done({ code, stdout, stderr, timedOut: error?.killed === true });
    });
  });
}
