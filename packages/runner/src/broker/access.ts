/** Credentials at the moment of use, for sessions and for the runner's own git (decision 7). */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { gitAddress } from "@gastown/protocol";
import type { RigRef, StartRequest } from "@gastown/protocol";
import type { GrantAccess } from "../git/git.ts";
import { Broker } from "./broker.ts";
import type { BrokerOptions } from "./broker.ts";
import { CAPABILITY_ENV, CAPABILITY_FILE, HOST_CONFIG_ENV, PURPOSE_ENV, SOCKET_ENV } from "./messages.ts";
import type { CapabilityFile, SessionContext } from "./messages.ts";
import { writeShims } from "./shims.ts";
import type { ShimCommand, Shims } from "./shims.ts";

export interface AccessOptions extends BrokerOptions {
  /** How to run the shims: this same program. */
  readonly shim: ShimCommand;
  readonly hostPath: string | undefined;
}

type Worktrees = readonly { readonly dir: string; readonly rig: RigRef }[];

export class Access {
  readonly shims: Shims;
  readonly #broker: Broker;
  readonly #root: string;

  constructor(options: AccessOptions) {
    this.#root = options.root;
    this.shims = writeShims(options.root, options.shim, options.hostPath);
    this.#broker = new Broker(options);
  }

  listen(): Promise<void> {
    return this.#broker.listen();
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  /**
   * A capability for each of the session's worktrees, where its programs find it, until `signal`
   * aborts: the moment in which the session begins to end.
   */
  open(request: StartRequest, worktrees: Worktrees, signal: AbortSignal): void {
    if (signal.aborted) return;
    const session = { id: request.session_id, epoch: request.epoch };
    for (const { dir, rig } of worktrees) {
      const context = contextOf(rig.git_url, request.rig === null ? null : request.branch);
      const { capability, revoke } = this.#broker.grants.give({ session, rigId: rig.id, context });
      signal.addEventListener("abort", revoke, { once: true });
      this.#write(dir, { socket: this.#broker.socketPath, capability });
    }
  }

  /** For one git process of the runner itself. */
  readonly grant: GrantAccess = ({ url, rigId, purpose }, hostSettings) => {
    const none = { env: {}, config: [], release: () => undefined };
    if (!/^https?:\/\//i.test(url)) return none;
    const context = contextOf(url, null);
    const { capability, revoke } = this.#broker.grants.give({ session: null, rigId, context });
    return {
      env: {
        [SOCKET_ENV]: this.#broker.socketPath,
        [CAPABILITY_ENV]: capability,
        [PURPOSE_ENV]: purpose,
        [HOST_CONFIG_ENV]: String(hostSettings),
      },
      config: this.shims.gitConfig,
      release: revoke,
    };
  };

  #write(dir: string, file: CapabilityFile): void {
    const gitDir = /^gitdir: (.+)$/m.exec(readFileSync(join(dir, ".git"), "utf8"))?.[1] ?? "";
    // Made a moment ago by the runner; whatever it says now, nothing is written elsewhere.
    if (!resolve(gitDir).startsWith(this.#root + sep)) return;
    const path = join(gitDir, CAPABILITY_FILE);
    writeFileSync(`${path}.new`, JSON.stringify(file), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

function contextOf(gitUrl: string, branch: string | null): SessionContext {
  const address = gitAddress(gitUrl);
  return { branch, host: address?.host ?? null, repository: address?.path ?? null };
}
