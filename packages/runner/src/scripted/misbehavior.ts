/**
 * How the scripted agent spoils its own handshake, for tests of what the runner makes of that. It is
 * asked for by a variable, because there is no script before there are tools.
 */
import type { McpServer } from "./mcp-client.ts";

/**
 * `silent`: never answers anything · `no_session`: never answers `session/new` · `no_tools`: opens the
 * session and never asks for its tools · `foreign_tools`: asks for them, but not with its own token
 */
const KINDS = ["silent", "no_session", "no_tools", "foreign_tools"] as const;
type Kind = (typeof KINDS)[number];

export class Misbehavior {
  readonly #kind: Kind | undefined;

  constructor(wanted: string | undefined) {
    this.#kind = KINDS.find((kind) => kind === wanted);
  }

  async onInitialize(): Promise<void> {
    if (this.#kind === "silent") await never("I do not answer initialize.");
  }

  /** The tool server as this agent uses it; null: not at all. */
  async toolServer(given: McpServer | null): Promise<McpServer | null> {
    if (this.#kind === "no_session") await never("I do not answer session/new.");
    if (this.#kind === "no_tools") {
      say("I do not ask for my tools.");
      return null;
    }
    if (this.#kind !== "foreign_tools" || given === null) return given;
    say("I ask for the tools of somebody else.");
    return { ...given, headers: { ...given.headers, Authorization: "Bearer of-somebody-else" } };
  }
}

function never(text: string): Promise<never> {
  say(text);
  return new Promise<never>(() => undefined);
}

function say(text: string): void {
  process.stderr.write(`[scripted] ${text}\n`);
}
