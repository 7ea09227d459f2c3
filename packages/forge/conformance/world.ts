/** One forge with its simulator, as each test of the suite gets it. */
import { type ForgeSimulator, type SimulatedRepository, startForgeSimulator } from "../simulator/index.ts";
import type { ForgeContext } from "../src/context.ts";
import type { Answer, Forge } from "../src/forge.ts";
import { type ForgeTokenAnswer, githubForge, gitlabForge, parseRepositoryUrl } from "../src/index.ts";

export type Kind = "github" | "gitlab";

export const signal: AbortSignal = new AbortController().signal;

/** What the two call the same thing. */
export interface Words {
  readonly failed: string;
  readonly running: string;
  readonly merge: RegExp;
  /** The request that opens a pull request. */
  readonly open: { method: string; path: RegExp };
}

export const WORDS: Record<Kind, Words> = {
  github: {
    failed: "failure",
    running: "in_progress",
    merge: /\/pulls\/\d+\/merge$/,
    open: { method: "POST", path: /\/pulls$/ },
  },
  gitlab: {
    failed: "failed",
    running: "running",
    merge: /\/merge_requests\/\d+\/merge$/,
    open: { method: "POST", path: /\/merge_requests$/ },
  },
};

export interface World {
  readonly simulator: ForgeSimulator;
  readonly repository: SimulatedRepository;
  readonly forge: Forge;
  /** The same forge, which gives up on a request after so many milliseconds. */
  hurried(timeoutMs: number): Forge;
  /** The token that the forge uses from now on. */
  use(token: string): void;
}

const PATHS: Record<Kind, string> = { github: "acme/tool", gitlab: "acme/platform/tool" };
/** A request ends by this only where it would never end: a loaded machine is slow, and not wrong. */
const PATIENT_MS = 240_000;
let made = 0;

/** A fresh repository, and a forge for it with the token of its bot. */
export async function worldOf(kind: Kind, simulator: ForgeSimulator): Promise<World> {
  made += 1;
  const repository = await simulator.repository({
    forge: kind,
    path: `${PATHS[kind]}-${made}`,
    members: { town: "write", ann: "write", eve: "read" },
    files: { "README.md": "# Tool\n", "src/a.txt": "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n" },
  });
  let token = simulator.token("town");
  const location = parseRepositoryUrl(repository.cloneUrl, simulator.url);
  if (location === null) throw new Error(`no location in ${repository.cloneUrl}`);
  const make = kind === "github" ? githubForge : gitlabForge;
  const forgeWith = (more: Partial<ForgeContext>): Forge =>
    make(location, {
      token: async () => ({ ok: true, token, source: "test" }),
      timeoutMs: PATIENT_MS,
      ...more,
    });
  return {
    simulator,
    repository,
    forge: forgeWith({}),
    hurried: (timeoutMs) => forgeWith({ timeoutMs }),
    use: (next) => {
      token = next;
    },
  };
}

export { startForgeSimulator };

/** A GitHub forge of a repository, with the token of each moment. */
export function forgeFor(of: SimulatedRepository, simulator: ForgeSimulator, token: () => string): Forge {
  const location = parseRepositoryUrl(of.cloneUrl, simulator.url);
  if (location === null) throw new Error(`no location in ${of.cloneUrl}`);
  return githubForge(location, {
    token: async () => ({ ok: true, token: token(), source: "test" }),
    timeoutMs: PATIENT_MS,
  });
}

/** The token of an answer that must have one. */
export function tokenOf(answer: ForgeTokenAnswer): string {
  if (answer.ok) return answer.token;
  throw new Error(`no token: ${JSON.stringify(answer.tried)}`);
}

/** The value of an answer that must be one. */
export function valueOf<T>(answer: Answer<T>): T {
  if (answer.kind === "ok") return answer.value;
  throw new Error(`not an answer: ${JSON.stringify(answer)}`);
}

export interface Opened {
  readonly url: string;
  readonly number: number;
  readonly headSha: string;
  readonly branch: string;
}

/** A branch with a change, and its pull request. */
export async function opened({ repository, forge }: World, branch = "work"): Promise<Opened> {
  const headSha = await repository.commit(branch, {
    "src/a.txt": "one\n2\nthree\nfour\nfive\nsix\nseven\neight\n",
  });
  const input = { branch, target: "main", headSha, title: "Work", body: "What it does" };
  const { url, number } = valueOf(await forge.openPullRequest(input, signal));
  return { url, number, headSha, branch };
}

export const lost = { kind: "http_error", status: null, transient: true } as const;
