/** What the token chain takes and gives (spec/review.md §4.2). */
import type { ForgeKind, RigCredentials, TownCredentials } from "@gastown/protocol";

/** A GitHub: github.com, or one that somebody runs. */
export interface GitHubSite {
  /** As in git urls, with its port where it has one. */
  readonly host: string;
  /** Without a trailing slash. */
  readonly apiUrl: string;
}

export const GITHUB: GitHubSite = { host: "github.com", apiUrl: "https://api.github.com" };
export const GITLAB_URL = "https://gitlab.com";

/** Opened secrets, held for one resolution only. */
export interface ForgeCredentials {
  readonly town: TownCredentials;
  readonly rig: RigCredentials;
}

export interface TokenWanted {
  /** Whom the token is for, with its port where the url has one. A token never leaves for another. */
  readonly host: string;
  /** Path of the repository on that host, e.g. `owner/name`; null: none in particular. */
  readonly repository: string | null;
  readonly credentials: ForgeCredentials;
}

export type ForgeTokenAnswer =
  | {
      readonly ok: true;
      readonly token: string;
      /** What git says as user name. */
      readonly username: string;
      readonly source: string;
      readonly provider: ForgeKind;
      /** Epoch milliseconds; null: it does not say. */
      readonly expiresAt: number | null;
      /** What was passed over before it, each with why. */
      readonly tried: readonly string[];
    }
  | {
      readonly ok: false;
      /** `nothing_stored`: no credential for this kind of forge at all; git's own ones may count. */
      readonly reason: "no_token" | "nothing_stored";
      readonly provider: ForgeKind;
      readonly tried: readonly string[];
      /** The stored user name without a password, where there is one. */
      readonly username?: string;
    }
  | {
      readonly ok: false;
      readonly reason: "host_mismatch";
      readonly expected: string;
      readonly got: string;
      readonly tried: readonly string[];
    };

export interface TokenPorts {
  readonly fetch: typeof fetch;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Told of each source that should have given a token and did not. Never a secret. */
  readonly warn: (source: string, reason: string) => void;
  readonly github: GitHubSite;
}
