/**
 * A forge to test against (spec/review.md §6): GitHub's REST and GraphQL and GitLab's REST, for the
 * endpoints that we use, over real bare repositories with git's own smart HTTP, on a loopback port.
 * Both forges are at one origin, as on servers of one's own: `/api/v3`, `/api/graphql`, `/api/v4`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultPlan } from "./faults/faults.ts";
import { commitFiles, createBare } from "./git/bare.ts";
import { setLimit } from "./http/limits.ts";
import { listen, type RequestRecord } from "./http/server.ts";
import { Serial } from "./model/serial.ts";
import type { Access, Repository } from "./model/types.ts";
import { addToken, addUser, type Clock, createWorld, type World } from "./model/world.ts";
import { SimulatedRepository } from "./repository.ts";
import { Webhooks } from "./webhooks/deliveries.ts";

export type { Fault, FaultPlan, FaultRule } from "./faults/faults.ts";
export type { RequestRecord } from "./http/server.ts";
export type { CheckInput, SimulatedRepository, ThreadInput } from "./repository.ts";
export type { Delivery } from "./webhooks/deliveries.ts";

export interface RepositoryInput {
  readonly forge: "github" | "gitlab";
  /** `owner/name`; on GitLab with all groups. */
  readonly path: string;
  readonly defaultBranch?: string;
  readonly private?: boolean;
  readonly members?: Readonly<Record<string, Access>>;
  /** What its first commit holds. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface AppInput {
  readonly id: number;
  readonly slug: string;
  /** PEM. */
  readonly publicKey: string;
  /** The number of each installation, and the paths of the repositories that it may touch. */
  readonly installations: Readonly<Record<number, readonly string[]>>;
}

export class ForgeSimulator {
  /** Address below which it serves everything. */
  readonly url: string;
  readonly faults: FaultPlan;
  /** Those of git's own requests. */
  readonly gitFaults: FaultPlan;
  /** Every request of an API so far, in order. */
  readonly requests: readonly RequestRecord[];
  readonly webhooks: Webhooks;
  readonly #world: World;
  readonly #close: () => Promise<void>;

  constructor(parts: {
    url: string;
    faults: FaultPlan;
    gitFaults: FaultPlan;
    requests: readonly RequestRecord[];
    webhooks: Webhooks;
    world: World;
    close: () => Promise<void>;
  }) {
    this.url = parts.url;
    this.faults = parts.faults;
    this.gitFaults = parts.gitFaults;
    this.requests = parts.requests;
    this.webhooks = parts.webhooks;
    this.#world = parts.world;
    this.#close = parts.close;
  }

  get clock(): Clock {
    return this.#world.clock;
  }

  user(login: string, kind: "person" | "bot" = "person"): void {
    addUser(this.#world, login, kind);
  }

  /** A new token of a user. */
  token(login: string, options: { expiresInMs?: number } = {}): string {
    return addToken(this.#world, addUser(this.#world, login), options).token;
  }

  revoke(token: string): void {
    this.#world.tokens.delete(token);
  }

  /** From now on this token has so many requests an hour. */
  limit(token: string, perWindow: number): void {
    const found = this.#world.tokens.get(token);
    if (found !== undefined) setLimit(found, perWindow, this.clock.now());
  }

  app(input: AppInput): void {
    const bot = addUser(this.#world, `${input.slug}[bot]`, "bot");
    const installations = Object.entries(input.installations).map(([id, paths]) => {
      const of = this.#world.repositories.filter((one) => paths.includes(one.path));
      for (const repository of of) repository.members.set(bot.login, "write");
      return [Number(id), of.map((one) => one.id)] as const;
    });
    const { id, slug, publicKey } = input;
    this.#world.apps.push({ id, slug, publicKey, bot, installations: new Map(installations) });
  }

  async repository(input: RepositoryInput): Promise<SimulatedRepository> {
    const world = this.#world;
    const id = world.nextId();
    const defaultBranch = input.defaultBranch ?? "main";
    const dir = join(world.root, `${id}.git`);
    await createBare(dir, defaultBranch);
    const files = input.files ?? { "README.md": `# ${input.path}\n` };
    await commitFiles(dir, defaultBranch, { files, message: "Begin" });
    for (const login of Object.keys(input.members ?? {})) addUser(world, login);
    const repository: Repository = {
      id,
      forge: input.forge,
      path: input.path,
      dir,
      isPrivate: input.private ?? true,
      members: new Map(Object.entries(input.members ?? {})),
      protection: new Map(),
      checks: new Map(),
      pulls: [],
      hooks: [],
      program: null,
      serial: new Serial(),
      defaultBranch,
      methods: ["merge", "squash", ...(input.forge === "github" ? (["rebase"] as const) : [])],
      queueRequired: false,
    };
    world.repositories.push(repository);
    return new SimulatedRepository(world, repository, this.url);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/**
 * Starts one on a free port of 127.0.0.1, or on `port`; all of it below `path` (`/gitlab`), where that is
 * given. Its repositories live until it is closed.
 */
export async function startForgeSimulator(
  options: { port?: number; path?: string } = {},
): Promise<ForgeSimulator> {
  const root = await mkdtemp(join(tmpdir(), "gastown-forge-"));
  const webhooks = new Webhooks();
  const world = createWorld(root, (repository, pull, what) => webhooks.tell(repository, pull, what));
  const faults = new FaultPlan();
  const gitFaults = new FaultPlan();
  const requests: RequestRecord[] = [];
  const { port = 0, path = "" } = options;
  const server = await listen({ world, faults, gitFaults, records: requests, port, path });
  webhooks.start(server.url);
  const close = async (): Promise<void> => {
    await webhooks.idle();
    await server.close();
    await rm(root, { recursive: true, force: true });
  };
  return new ForgeSimulator({ url: server.url, faults, gitFaults, requests, webhooks, world, close });
}
