/** What a test may do to one repository, as people, programs and rules would. */
import { commitFiles, type Changes, refusePushes, resolveCommit } from "./git/bare.ts";
import { mergePull } from "./model/merging.ts";
import { listHeads } from "./git/refs.ts";
import { syncPulls } from "./model/pulls.ts";
import { addNote, addReview, addThread } from "./model/talk.ts";
import type {
  Access,
  Check,
  Hook,
  Method,
  Protection,
  PullRequest,
  Repository,
  Thread,
} from "./model/types.ts";
import { addUser, type World } from "./model/world.ts";

export interface CheckInput {
  readonly name: string;
  readonly kind?: Check["kind"];
  readonly status?: string;
  readonly conclusion?: string | null;
  readonly summary?: string;
  readonly log?: string;
  readonly allowFailure?: boolean;
}

export interface ThreadInput {
  readonly by: string;
  readonly body: string;
  readonly path?: string;
  readonly line?: number;
}

export class SimulatedRepository {
  readonly #world: World;
  readonly #repository: Repository;
  readonly #origin: string;

  constructor(world: World, repository: Repository, origin: string) {
    this.#world = world;
    this.#repository = repository;
    this.#origin = origin;
  }

  /** Where people look at it. */
  get url(): string {
    return `${this.#origin}/${this.#repository.path}`;
  }
  /** Where git finds it. */
  get cloneUrl(): string {
    return `${this.url}.git`;
  }
  /** The bare repository itself. */
  get dir(): string {
    return this.#repository.dir;
  }

  pullUrl(number: number): string {
    return `${this.url}/${this.#repository.forge === "github" ? "pull" : "-/merge_requests"}/${number}`;
  }

  /** A commit on a branch, as somebody else's push. Its id. */
  commit(
    branch: string,
    files: Changes["files"],
    more: { message?: string; from?: string } = {},
  ): Promise<string> {
    return this.#repository.serial.run(async () => {
      const from = more.from ?? this.#repository.defaultBranch;
      const message = more.message ?? `Change ${branch}`;
      const sha = await commitFiles(this.dir, branch, { files, message, from });
      await syncPulls(this.#world, this.#repository);
      return sha;
    });
  }

  /** Null: no such branch. */
  head(branch: string): Promise<string | null> {
    return resolveCommit(this.dir, branch);
  }

  /** Names of all branches. */
  async branches(): Promise<string[]> {
    return [...(await listHeads(this.dir)).keys()].toSorted();
  }

  /** All pull requests, as they are now. */
  pulls(): Promise<readonly PullRequest[]> {
    return this.#repository.serial.run(async () => {
      await syncPulls(this.#world, this.#repository);
      return this.#repository.pulls;
    });
  }

  async pull(number: number): Promise<PullRequest> {
    const found = (await this.pulls()).find((one) => one.number === number);
    if (found === undefined) throw new Error(`${this.url} has no pull request ${number}`);
    return found;
  }

  member(login: string, access: Access): void {
    addUser(this.#world, login);
    this.#repository.members.set(login, access);
  }

  protect(branch: string, rule: Partial<Protection>): Promise<void> {
    const { protection } = this.#repository;
    protection.set(branch, {
      requiredApprovals: 0,
      dismissStale: false,
      requiredChecks: [],
      upToDate: false,
      rejectPushes: false,
      ...rule,
    });
    const refused = [...protection].filter(([, one]) => one.rejectPushes).map(([name]) => name);
    return refusePushes(this.dir, refused);
  }

  allowMethods(...methods: Method[]): void {
    this.#repository.methods = methods;
  }

  requireQueue(required: boolean): void {
    this.#repository.queueRequired = required;
  }

  /** A person puts it into the queue (on GitLab the train), which merges it. */
  async queue(number: number, login: string): Promise<void> {
    const pull = await this.pull(number);
    const by = addUser(this.#world, login);
    const how = { method: "merge", message: `Merge ${pull.title}`, by } as const;
    await this.#repository.serial.run(() =>
      mergePull(this.#world, { repository: this.#repository, pull }, how),
    );
  }

  hook(hook: Hook): void {
    this.#repository.hooks.push(hook);
  }

  /** From now on a program reports this of every head of a pull request, as soon as there is one. */
  checkEveryHead(input: CheckInput): void {
    this.#repository.program = (headSha) => void this.check(headSha, input);
  }

  /** Sets a check of a commit, in place of the one of that name. `completed` and `success` where not told. */
  check(sha: string, input: CheckInput): Check {
    const check: Check = {
      id: this.#world.nextId(),
      name: input.name,
      kind: input.kind ?? "run",
      status: input.status ?? "completed",
      conclusion: input.conclusion === undefined ? "success" : input.conclusion,
      summary: input.summary ?? null,
      log: input.log ?? null,
      allowFailure: input.allowFailure ?? false,
    };
    const others = (this.#repository.checks.get(sha) ?? []).filter(({ name }) => name !== input.name);
    this.#repository.checks.set(sha, [...others, check]);
    const pull = this.#repository.pulls.find(({ headSha }) => headSha === sha) ?? null;
    this.#world.changed(this.#repository, pull, "check");
    return check;
  }

  async approve(number: number, login: string): Promise<void> {
    await this.#review(number, login, "APPROVED", "");
  }
  async requestChanges(number: number, login: string, body: string): Promise<void> {
    await this.#review(number, login, "CHANGES_REQUESTED", body);
  }
  async #review(
    number: number,
    login: string,
    state: "APPROVED" | "CHANGES_REQUESTED",
    body: string,
  ): Promise<void> {
    const pull = await this.pull(number);
    addReview(this.#world, this.#repository, pull, { author: addUser(this.#world, login), state, body });
  }

  async thread(number: number, { by, body, path, line }: ThreadInput): Promise<Thread> {
    const pull = await this.pull(number);
    const said = { author: addUser(this.#world, by), body, path: path ?? null, line: line ?? null };
    return addThread(this.#world, this.#repository, pull, said);
  }

  async note(number: number, by: string, body: string): Promise<void> {
    const pull = await this.pull(number);
    addNote(this.#world, this.#repository, pull, { author: addUser(this.#world, by), body });
  }

  /** A person closes it without merging. */
  close(number: number): Promise<void> {
    return this.#change(number, "closed", "closed");
  }

  /** A person opens it again; its program sees its head anew. */
  async reopen(number: number): Promise<void> {
    this.#repository.program?.((await this.pull(number)).headSha);
    await this.#change(number, "open", "reopened");
  }

  async #change(number: number, state: "open" | "closed", what: string): Promise<void> {
    const pull = await this.pull(number);
    pull.state = state;
    pull.updatedAt = this.#world.clock.now();
    this.#world.changed(this.#repository, pull, what);
  }
}
