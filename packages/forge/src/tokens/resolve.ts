/**
 * The token chain (spec/review.md §4.2). Resolved at the moment of use; nothing but an installation
 * token with its own expiry is remembered, so a setting that changed counts for the very next call.
 */
import { AppTokenError, AppTokens } from "./app-tokens.ts";
import { forgeOfHost, gitlabHost } from "./hosts.ts";
import type { ForgeTokenAnswer, TokenPorts, TokenWanted } from "./types.ts";

export type ResolveForgeToken = (wanted: TokenWanted) => Promise<ForgeTokenAnswer>;

/** One per process: it holds the installation tokens that are still good. */
export function createTokenResolver(ports: TokenPorts): ResolveForgeToken {
  const apps = new AppTokens(ports);
  return (wanted) => resolveForgeToken(ports, apps, wanted);
}

async function resolveForgeToken(
  ports: TokenPorts,
  apps: AppTokens,
  wanted: TokenWanted,
): Promise<ForgeTokenAnswer> {
  const kind = forgeOfHost(wanted.host, wanted.credentials.town, ports.github);
  if (kind === "github") return github(ports, apps, wanted);
  return kind === "gitlab" ? gitlab(wanted) : plain(wanted);
}

async function github(ports: TokenPorts, apps: AppTokens, wanted: TokenWanted): Promise<ForgeTokenAnswer> {
  const { github_cli_pat: pat, github_token: last } = wanted.credentials.town;
  const tried: string[] = [];
  const given = (token: string, source: string, expiresAt: number | null = null): ForgeTokenAnswer => ({
    ok: true,
    token,
    username: "x-access-token",
    source,
    provider: "github",
    expiresAt,
    tried,
  });
  if (pat !== undefined) return given(pat, "github_cli_pat");
  tried.push("github_cli_pat");
  const app = await integration(apps, wanted);
  if (app.token !== null) return given(app.token, app.source, app.expiresAt);
  tried.push(app.problem === null ? app.source : `${app.source} (not available: ${app.problem})`);
  if (app.problem !== null) ports.warn(app.source, app.problem);
  if (last !== undefined) return given(last, "github_token");
  tried.push("github_token");
  const reason = app.problem === null ? "nothing_stored" : "no_token";
  return { ok: false, reason, provider: "github", tried };
}

type Integration =
  | { source: string; token: string; expiresAt: number }
  /** No problem: none is configured. */
  | { source: string; token: null; problem: string | null };

/** A rig with an installation of its own has that one or none: it never takes another's. */
async function integration(apps: AppTokens, { repository, credentials }: TokenWanted): Promise<Integration> {
  const own = credentials.rig.github_app?.installation;
  const app = credentials.town.github_app ?? {};
  const installation = own ?? app.installation;
  const source = own === undefined ? "town integration" : "rig integration";
  if (installation === undefined && app.id === undefined && app.key === undefined)
    return { source: "integration (none configured)", token: null, problem: null };
  const missing = [
    app.id === undefined ? "credentials.github_app.id" : null,
    app.key === undefined ? "credentials.github_app.key" : null,
    installation === undefined ? "credentials.github_app.installation" : null,
  ].filter((name) => name !== null);
  if (app.id === undefined || app.key === undefined || installation === undefined)
    return { source, token: null, problem: `${missing.join(", ")} not set` };
  try {
    const wanted = { id: String(app.id), key: app.key, installation: String(installation), repository };
    return { source, ...(await apps.get(wanted)) };
  } catch (thrown) {
    const problem = thrown instanceof AppTokenError ? thrown.message : "it failed in an unknown way";
    return { source, token: null, problem };
  }
}

/** The stored token is for one host, and for no other. */
function gitlab({ host, credentials: { town } }: TokenWanted): ForgeTokenAnswer {
  const { gitlab_token: token } = town;
  if (token === undefined)
    return { ok: false, reason: "nothing_stored", provider: "gitlab", tried: ["gitlab_token"] };
  const expected = gitlabHost(town);
  if (host !== expected) return { ok: false, reason: "host_mismatch", expected, got: host, tried: [] };
  return {
    ok: true,
    token,
    username: "oauth2",
    source: "gitlab_token",
    provider: "gitlab",
    expiresAt: null,
    tried: [],
  };
}

/** The caller asks for the rig's own host only: user and password are the rig's. */
function plain({ credentials: { rig } }: TokenWanted): ForgeTokenAnswer {
  const { git_password: token, git_username: username } = rig;
  if (token === undefined) {
    return {
      ok: false,
      reason: "nothing_stored",
      provider: "git",
      tried: ["git_password"],
      ...(username === undefined ? {} : { username }),
    };
  }
  const source = "git_password";
  return {
    ok: true,
    token,
    username: username ?? "git",
    source,
    provider: "git",
    expiresAt: null,
    tried: [],
  };
}
