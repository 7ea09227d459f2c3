/**
 * A forge's token for a rig of a town: resolved now, recorded, kept nowhere (spec/review.md §4.2,
 * decision 7). What is stored is opened here for the length of one resolution.
 */
import {
  createTokenResolver,
  GITHUB,
  hostOf,
  repositoryPathOf,
  type ForgeCredentials,
  type ForgeToken,
  type ForgeTokenAnswer,
  type ResolveForgeToken,
} from "@gastown/forge";
import {
  GastownError,
  rigCredentials,
  townCredentials,
  type ForgeKind,
  type GitTokenPurpose,
} from "@gastown/protocol";
import type { StoredSecret, TokenClaim } from "@gastown/town";
import type { TownActor } from "../towns/actor.ts";
import type { ServerPorts } from "../ports.ts";
import { unseal, type SealingKey } from "./seal.ts";
import { maskedCredentials } from "./shown.ts";

interface IssuedToken {
  /** Empty: whatever the host's git says. */
  username: string;
  /** Null: nothing is stored for this forge, so what the host is configured with counts. */
  token: string | null;
  source: string;
  forge: ForgeKind;
  /** Epoch milliseconds; null: not known. */
  expiresAt: number | null;
}

/** Where a rig's token would come from; never the token. */
export interface TokenOrigin {
  provider: ForgeKind;
  /** `host`: nothing is stored, so that the host's git counts; null: nothing gave one. */
  source: string | null;
  /** What was asked before, in order, with why it gave none. */
  tried: readonly string[];
  expiresAt: number | null;
}

export interface ForgeTokens {
  /** Resolves a rig's token and gives nobody anything; null: a path, which needs none. */
  origin(town: TownActor, rigId: string): Promise<TokenOrigin | null>;
  /**
   * Throws `session_fenced`, `scope_mismatch`, `host_mismatch`, and `no_token` with what was tried.
   * `host`: whom it is for; left out: the rig's own.
   */
  issue(
    town: TownActor,
    claim: TokenClaim,
    wanted: { host?: string; purpose: GitTokenPurpose },
  ): Promise<IssuedToken>;
}

/** Source of a credential that the town does not have and the host's git may. */
export const HOST_SOURCE = "host";

type Ports = Pick<ServerPorts, "now" | "sink" | "sealingKeys" | "forges">;

function resolverOf(ports: Ports): ResolveForgeToken {
  return createTokenResolver({
    fetch: ports.forges?.fetch ?? ((input, init) => fetch(input, init)),
    now: ports.now,
    warn: (source, reason) =>
      ports.sink.log("warn", `The ${source} gave no token: ${reason}. The next source is tried.`),
    github: ports.forges?.github ?? GITHUB,
  });
}

/**
 * What the town's own calls of a rig's forge ask before each request. One that gives a token leaves no
 * record: a poll makes many. That there is none is the poll's own error (spec/review.md §4.1).
 */
export function createTownTokens(ports: Ports): (town: TownActor, rigId: string) => Promise<ForgeToken> {
  const resolve = resolverOf(ports);
  return async (town, rigId) => {
    const grounds = town.read((open) => open.tokenGrounds({ session: null, rigId }));
    const host = grounds.gitUrl === null ? null : hostOf(grounds.gitUrl);
    if (host === null) return { ok: false, tried: [NO_HOST] };
    const repository = grounds.gitUrl === null ? null : repositoryPathOf(grounds.gitUrl);
    const { credentials, unreadable } = await opened(ports.sealingKeys, town.id, grounds);
    const answer = withUnreadable(await resolve({ host, repository, credentials }), unreadable);
    if (answer.ok) return { ok: true, token: answer.token, source: answer.source };
    if (answer.reason !== "host_mismatch") return { ok: false, tried: answer.tried };
    return {
      ok: false,
      tried: [...answer.tried, `a token for ${answer.expected}, which never leaves for ${host}`],
    };
  };
}

export function createForgeTokens(ports: Ports): ForgeTokens {
  const resolve = resolverOf(ports);
  return {
    async origin(town, rigId) {
      const grounds = town.read((open) => open.tokenGrounds({ session: null, rigId }));
      const host = grounds.gitUrl === null ? null : hostOf(grounds.gitUrl);
      if (grounds.gitUrl === null || host === null) return null;
      const { credentials, unreadable } = await opened(ports.sealingKeys, town.id, grounds);
      const repository = repositoryPathOf(grounds.gitUrl);
      return originOf(withUnreadable(await resolve({ host, repository, credentials }), unreadable));
    },
    async issue(town, claim, { host, purpose }) {
      const grounds = town.read((open) => open.tokenGrounds(claim));
      const own = grounds.gitUrl === null ? null : hostOf(grounds.gitUrl);
      const asked = host ?? own;
      if (asked === null) throw new GastownError("no_token", NO_HOST, { tried: [] });
      if (grounds.gitUrl !== null && own !== asked) throw mismatch(own ?? "none", asked);
      const { credentials, unreadable } = await opened(ports.sealingKeys, town.id, grounds);
      const repository = grounds.gitUrl === null ? null : repositoryPathOf(grounds.gitUrl);
      const answer = withUnreadable(await resolve({ host: asked, repository, credentials }), unreadable);
      return settle(town, claim, { host: asked, purpose }, answer);
    },
  };
}

function originOf(answer: ForgeTokenAnswer): TokenOrigin {
  if (answer.ok) {
    const { provider, source, tried, expiresAt } = answer;
    return { provider, source, tried, expiresAt };
  }
  if (answer.reason === "host_mismatch") {
    const tried = [...answer.tried, `a token for ${answer.expected}, which never leaves for ${answer.got}`];
    return { provider: "gitlab", source: null, tried, expiresAt: null };
  }
  const { provider, tried, reason } = answer;
  return { provider, source: reason === "nothing_stored" ? HOST_SOURCE : null, tried, expiresAt: null };
}

const NO_HOST = "This repository is a path on the host: it has no forge, and needs no token.";

/** Records what became of it; a session that ended meanwhile gets nothing after all. */
function settle(
  town: TownActor,
  claim: TokenClaim,
  wanted: { host: string; purpose: GitTokenPurpose },
  answer: ForgeTokenAnswer,
): IssuedToken {
  const record = (source: string | null): void =>
    town.run((open) => open.tokenIssued({ ...claim, ...wanted, source, tried: answer.tried }));
  if (answer.ok) {
    record(answer.source);
    const { username, token, source, expiresAt, provider: forge } = answer;
    return { username, token, source, expiresAt, forge };
  }
  if (answer.reason === "host_mismatch") throw mismatch(answer.expected, answer.got);
  if (answer.reason === "nothing_stored") {
    const { username = "", provider: forge } = answer;
    return { username, token: null, source: HOST_SOURCE, expiresAt: null, forge };
  }
  record(null);
  throw new GastownError(
    "no_token",
    `No credential for ${wanted.host}. Tried in this order: ${answer.tried.join(", ")}. Set one with \`gastown config set credentials.<name>\`; the logins of agents do not help the town.`,
    { tried: answer.tried },
  );
}

function mismatch(expected: string, got: string): GastownError {
  return new GastownError(
    "host_mismatch",
    `A credential for ${expected} was asked for ${got}. It never leaves for another host.`,
    { expected, got },
  );
}

function withUnreadable(answer: ForgeTokenAnswer, unreadable: readonly string[]): ForgeTokenAnswer {
  if (unreadable.length === 0 || answer.ok || answer.reason === "host_mismatch") return answer;
  const tried = unreadable.map(
    (key) => `${key} (not available: sealed with a key that this host does not have; set it again)`,
  );
  return { ...answer, reason: "no_token", tried: [...answer.tried, ...tried] };
}

async function opened(
  keys: readonly SealingKey[],
  townId: string,
  { town, rig }: { town: readonly StoredSecret[]; rig: readonly StoredSecret[] },
): Promise<{ credentials: ForgeCredentials; unreadable: string[] }> {
  const unreadable: string[] = [];
  const clear = async (stored: readonly StoredSecret[]): Promise<unknown> => {
    const found = await Promise.all(
      stored.map(async (one) => {
        const text = await unseal(keys, { townId, key: one.key }, one.sealed);
        if (text === undefined) unreadable.push(one.key);
        return text === undefined ? [] : [{ ...one, masked: text }];
      }),
    );
    return maskedCredentials(found.flat()).credentials ?? {};
  };
  return {
    credentials: {
      town: townCredentials.parse(await clear(town)),
      rig: rigCredentials.parse(await clear(rig)),
    },
    unreadable,
  };
}
