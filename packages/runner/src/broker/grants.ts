/** Who may ask the broker for what. A capability is worth nothing once its grant is over. */
import { randomBytes } from "node:crypto";
import type { SessionContext } from "./messages.ts";

export interface Grant {
  /** Null: the runner's own git. */
  readonly session: { readonly id: string; readonly epoch: number } | null;
  /** Null: a url that is no rig yet and is only tried. */
  readonly rigId: string | null;
  readonly context: SessionContext;
}

export class Grants {
  readonly #grants = new Map<string, Grant>();

  /** 256 random bits that stand for `grant` until `revoke`. */
  give(grant: Grant): { readonly capability: string; readonly revoke: () => void } {
    const capability = randomBytes(32).toString("base64url");
    this.#grants.set(capability, grant);
    return { capability, revoke: () => void this.#grants.delete(capability) };
  }

  of(capability: string): Grant | undefined {
    return this.#grants.get(capability);
  }

  clear(): void {
    this.#grants.clear();
  }
}
