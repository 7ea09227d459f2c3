/**
 * The broker (spec/runner.md §5, decision 7): a unix socket on which git's credential helper and the
 * shims of `gh` and `glab` ask for a credential with the capability of their session. It asks the
 * town each time, so a rotated token is the next one that anybody gets; it keeps none and logs none.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GastownError, gitTokenAnswer, RetryableError } from "@gastown/protocol";
import type { GitTokenAnswer, GitTokenRequest } from "@gastown/protocol";
import type { CallOptions } from "../callbacks/town-client.ts";
import type { Log } from "../options.ts";
import { isGitTransport } from "./asking-process.ts";
import { Grants } from "./grants.ts";
import type { Grant } from "./grants.ts";
import { brokerRequest } from "./messages.ts";
import type { BrokerAnswer, BrokerRequest } from "./messages.ts";

export interface BrokerOptions {
  /** The runner's work directory. */
  readonly root: string;
  readonly town: { post<T>(path: string, body: string, options: CallOptions<T>): Promise<T> };
  /** Told of every token, so that no message of an agent can show it. */
  readonly redact: (secret: string) => void;
  readonly log: Log;
}

type CredentialRequest = Extract<BrokerRequest, { ask: "credential" }>;

const MAX_LINE = 16_384;
const ASK_TIMEOUT_MS = 45_000;
/** A unix socket's path must fit into 108 bytes, on macOS into 104. */
const MAX_SOCKET_PATH = 100;

const refused = (code: string, message: string, passing = false): BrokerAnswer => ({
  kind: "refused",
  code,
  message,
  passing,
});
const OVER = refused("session_fenced", "This session is over: it gets no credential any more.");

export class Broker {
  readonly grants = new Grants();
  readonly socketPath: string;
  readonly #options: BrokerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Made because the work directory's own path is too long for a socket. */
  readonly #ownDir: string | null;
  /** Per rig and host: the town stores nothing, or has given a token. Facts only, no secret. */
  readonly #known = new Map<string, "host" | "town">();

  constructor(options: BrokerOptions) {
    this.#options = options;
    const wanted = join(options.root, "broker.sock");
    this.#ownDir =
      Buffer.byteLength(wanted) <= MAX_SOCKET_PATH ? null : mkdtempSync(join(tmpdir(), "gastown-broker-"));
    this.socketPath = this.#ownDir === null ? wanted : join(this.#ownDir, "broker.sock");
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** The caller holds the lock on the work directory, so a socket that is there is nobody's. */
  async listen(): Promise<void> {
    rmSync(this.socketPath, { force: true });
    await new Promise<void>((done, failed) => {
      this.#server.once("error", failed);
      this.#server.listen(this.socketPath, done);
    });
    chmodSync(this.socketPath, 0o600);
  }

  async close(): Promise<void> {
    this.grants.clear();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => {
      this.#server.close(() => done());
    });
    rmSync(this.#ownDir ?? this.socketPath, { recursive: true, force: true });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setEncoding("utf8");
    let text = "";
    let asked = false;
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end === -1 && text.length > MAX_LINE) socket.destroy();
      if (end === -1 || asked) return;
      asked = true;
      void this.#answer(text.slice(0, end)).then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
    });
  }

  async #answer(line: string): Promise<BrokerAnswer> {
    try {
      const request = brokerRequest.parse(JSON.parse(line));
      const grant = this.grants.of(request.capability);
      if (grant === undefined) return this.#unknown(request);
      if (request.ask === "context") return { kind: "context", context: grant.context };
      return await this.#credential(grant, request);
    } catch {
      return refused("validation_failed", "The broker did not understand the question.");
    }
  }

  #unknown(request: BrokerRequest): BrokerAnswer {
    this.#options.log("broker.refused", { ask: request.ask, code: "session_fenced" });
    return OVER;
  }

  async #credential(grant: Grant, request: CredentialRequest): Promise<BrokerAnswer> {
    const answer = await this.#resolve(grant, request);
    // It may have ended while the town was asked.
    const last = this.grants.of(request.capability) === undefined ? OVER : answer;
    this.#options.log("broker.asked", {
      session_id: grant.session?.id ?? null,
      rig_id: grant.rigId,
      host: request.host ?? grant.context.host,
      purpose: request.purpose,
      program: request.program,
      ...(last.kind === "refused"
        ? { refused: last.code }
        : { given: last.kind === "credential" && last.token !== null }),
    });
    return last;
  }

  async #resolve(grant: Grant, request: CredentialRequest): Promise<BrokerAnswer> {
    const host = (request.host ?? grant.context.host)?.toLowerCase();
    if (host === undefined) return refused("no_token", "This repository is a path: it needs no credential.");
    if (grant.session !== null && request.program === "git" && !isGitTransport(request.pid))
      return refused(
        "forbidden",
        "Credentials go to git's own connection to the remote, and are shown to nobody.",
      );
    // Only a host that the town may know of is asked about; for others the host's git is as it is.
    if (grant.context.host !== null && host !== grant.context.host) return this.#otherHost(grant, host);
    try {
      const given = await this.#ask(grant, host, request.purpose);
      if (given.token !== null) this.#options.redact(given.token);
      this.#known.set(placeOf(grant, host), given.token === null ? "host" : "town");
      if (given.token !== null && given.forge !== "git" && !isSafe(request.protocol, host))
        return refused(
          "forbidden",
          `A token for ${host} is not sent over ${request.protocol}. Use an https url.`,
        );
      const { source: _source, ...rest } = given;
      return { kind: "credential", ...rest, host };
    } catch (thrown) {
      return this.#failure(thrown, grant, host);
    }
  }

  #ask(grant: Grant, host: string, purpose: GitTokenRequest["purpose"]): Promise<GitTokenAnswer> {
    const { session, rigId } = grant;
    const body: GitTokenRequest = {
      ...(session === null ? {} : { session_id: session.id, epoch: session.epoch }),
      rig_id: rigId,
      host,
      purpose,
    };
    return this.#options.town.post("runner/git-token", JSON.stringify(body), {
      answer: gitTokenAnswer,
      timeoutMs: ASK_TIMEOUT_MS,
    });
  }

  /** The broker has nothing for it. Where the town stores nothing, the host's git goes on as it is. */
  #otherHost(grant: Grant, host: string): BrokerAnswer {
    const own = this.#known.get(placeOf(grant, grant.context.host ?? ""));
    if (own === "town")
      return refused(
        "host_mismatch",
        `This session has a credential for ${grant.context.host} only, not for ${host}.`,
      );
    return { kind: "credential", username: "", token: null, forge: "git", host };
  }

  #failure(thrown: unknown, grant: Grant, host: string): BrokerAnswer {
    if (thrown instanceof RetryableError) {
      // The host's git needs no town: a runner that outlives its host can still save work.
      if (this.#known.get(placeOf(grant, host)) === "host")
        return { kind: "credential", username: "", token: null, forge: "git", host };
      return refused(thrown.code, thrown.message, true);
    }
    if (thrown instanceof GastownError) return refused(thrown.code, thrown.message);
    return refused("internal", "The credential could not be had.", true);
  }
}

const placeOf = (grant: Grant, host: string): string => `${grant.rigId ?? ""} ${host}`;

function isSafe(protocol: string, host: string): boolean {
  return protocol === "https" || /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host);
}
