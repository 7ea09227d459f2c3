import type { Output } from "./output.ts";
import type { ApiClient } from "./client.ts";
import { connect } from "./connect.ts";

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly yes?: boolean;
  readonly town?: string;
  readonly rig?: string;
  readonly server?: string;
  readonly dataDir?: string;
}

/** What a command gets: it reads no global and writes nowhere else. */
export interface Context {
  readonly out: Output;
  readonly options: GlobalOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Calls `fn` at the next Ctrl-C instead; returns what takes that back. */
  firstInterrupt(fn: () => void): () => void;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  readonly version: string;
  /** The server that the options, the environment or the data directory name. */
  api(): Promise<ApiClient>;
}

export type ContextParts = Omit<Context, "api">;

export function createContext(parts: ContextParts): Context {
  let client: Promise<ApiClient> | undefined;
  return { ...parts, api: () => (client ??= connect(parts)) };
}
