/** Everybody and everything that one simulator holds, and how it is found. */
import { randomBytes } from "node:crypto";
import type { Access, PullRequest, Repository, Token, User } from "./types.ts";

export interface App {
  readonly id: number;
  readonly slug: string;
  /** PEM of the key that its JWTs are signed with. */
  readonly publicKey: string;
  readonly bot: User;
  readonly installations: Map<number, readonly number[]>;
}

export class Clock {
  #ahead = 0;
  now = (): number => Date.now() + this.#ahead;
  /** Moves the simulator's time on, for what expires. */
  advance(ms: number): void {
    this.#ahead += ms;
  }
}

export interface World {
  readonly root: string;
  readonly clock: Clock;
  readonly users: Map<string, User>;
  readonly tokens: Map<string, Token>;
  readonly repositories: Repository[];
  readonly apps: App[];
  /** The next number of its kind, from 1 on. */
  nextId(): number;
  /** Called after each change that a webhook would tell. */
  changed(repository: Repository, pull: PullRequest | null, what: string): void;
}

export function createWorld(root: string, changed: World["changed"]): World {
  let last = 1000;
  return {
    root,
    clock: new Clock(),
    users: new Map(),
    tokens: new Map(),
    repositories: [],
    apps: [],
    nextId: () => (last += 1),
    changed,
  };
}

export function addUser(world: World, login: string, kind: User["kind"] = "person"): User {
  const known = world.users.get(login);
  if (known !== undefined) return known;
  const user: User = { id: world.nextId(), login, kind };
  world.users.set(login, user);
  return user;
}

export function addToken(
  world: World,
  user: User,
  options: { prefix?: string; expiresInMs?: number; repositories?: readonly number[] } = {},
): Token {
  const token: Token = {
    token: `${options.prefix ?? "sim_"}${randomBytes(18).toString("hex")}`,
    user,
    expiresAt: options.expiresInMs === undefined ? null : world.clock.now() + options.expiresInMs,
    repositories: options.repositories ?? null,
    limit: null,
  };
  world.tokens.set(token.token, token);
  return token;
}

/** The living token of a request, by any of the ways in which forges and git send it. */
export function findToken(world: World, authorization: string | undefined): Token | null {
  const [scheme = "", value = ""] = (authorization ?? "").split(/\s+/, 2);
  const basic = scheme.toLowerCase() === "basic";
  const text = basic ? (Buffer.from(value, "base64").toString("utf8").split(":")[1] ?? "") : value;
  const token = world.tokens.get(text);
  const expired = token !== undefined && token.expiresAt !== null && token.expiresAt <= world.clock.now();
  return token === undefined || expired ? null : token;
}

export function findRepository(world: World, forge: Repository["forge"], path: string): Repository | null {
  const wanted = path.toLowerCase();
  return world.repositories.find((one) => one.forge === forge && one.path.toLowerCase() === wanted) ?? null;
}

const RANK = { read: 1, write: 2, admin: 3 } as const;

/** What the holder of a token may do there; null: not even see it. */
export function accessOf(repository: Repository, token: Token | null): Access | null {
  const given = token === null ? undefined : repository.members.get(token.user.login);
  const reaches = token?.repositories?.includes(repository.id) ?? true;
  if (given !== undefined && reaches) return given;
  return repository.isPrivate ? null : "read";
}

export const allows = (access: Access | null, wanted: Access): boolean =>
  access !== null && RANK[access] >= RANK[wanted];
