/**
 * Installation tokens of a GitHub App: minted when one is wanted, kept until 5 minutes before they
 * expire (spec/review.md §4.2). Each is for one repository, so that what one rig was given is of no
 * use for another.
 */
import { createAppAuth } from "@octokit/auth-app";
import { z } from "zod";
import { pkcs8 } from "./pkcs8.ts";
import type { TokenPorts } from "./types.ts";

export interface AppInstallation {
  readonly id: string;
  readonly installation: string;
  /** PEM. */
  readonly key: string;
  /** `owner/name`; null: everything that the installation may see. */
  readonly repository: string | null;
}

export interface AppToken {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Why there is no token, in words for a person. */
export class AppTokenError extends Error {
  override readonly name = "AppTokenError";
}

const BEFORE_EXPIRY_MS = 5 * 60_000;
const EXCHANGE_TIMEOUT_MS = 15_000;
const MAX_KEPT = 1_000;

const minted = z.object({ token: z.string().min(1), expires_at: z.iso.datetime({ offset: true }) });
const refusal = z.object({ message: z.string() });

export class AppTokens {
  readonly #ports: Pick<TokenPorts, "fetch" | "now" | "github">;
  readonly #kept = new Map<string, AppToken>();
  readonly #minting = new Map<string, Promise<AppToken>>();

  constructor(ports: Pick<TokenPorts, "fetch" | "now" | "github">) {
    this.#ports = ports;
  }

  /** Throws `AppTokenError`. The key counts, too: a replaced one takes nothing from the old one. */
  async get(app: AppInstallation): Promise<AppToken> {
    const id = JSON.stringify([app.id, app.installation, app.repository, app.key]);
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.expiresAt - BEFORE_EXPIRY_MS > this.#ports.now()) return kept;
    const running = this.#minting.get(id);
    if (running !== undefined) return running;
    const minting = this.#mint(app).finally(() => this.#minting.delete(id));
    this.#minting.set(id, minting);
    const token = await minting;
    this.#keep(id, token);
    return token;
  }

  #keep(id: string, token: AppToken): void {
    const now = this.#ports.now();
    for (const [key, { expiresAt }] of this.#kept) {
      if (expiresAt <= now || this.#kept.size >= MAX_KEPT) this.#kept.delete(key);
    }
    this.#kept.set(id, token);
  }

  async #mint(app: AppInstallation): Promise<AppToken> {
    const answer = await this.#exchange(app, await signed(app));
    const parsed = minted.safeParse(answer);
    if (!parsed.success) throw new AppTokenError("the forge gave no token");
    const { token, expires_at } = parsed.data;
    const expiresAt = Date.parse(expires_at);
    if (expiresAt <= this.#ports.now()) throw new AppTokenError("the forge gave a token that has expired");
    return { token, expiresAt };
  }

  async #exchange({ installation, repository }: AppInstallation, jwt: string): Promise<unknown> {
    const { fetch, github } = this.#ports;
    const name = repository?.split("/")[1];
    const response = await fetch(
      `${github.apiUrl}/app/installations/${encodeURIComponent(installation)}/access_tokens`,
      {
        method: "POST",
        headers: {
          authorization: `Bearer ${jwt}`,
          accept: "application/vnd.github+json",
          "content-type": "application/json",
          "user-agent": "gastown",
          "x-github-api-version": "2022-11-28",
        },
        body: JSON.stringify(name === undefined ? {} : { repositories: [name] }),
        redirect: "manual",
        signal: AbortSignal.timeout(EXCHANGE_TIMEOUT_MS),
      },
    ).catch(() => {
      throw new AppTokenError("the forge could not be reached");
    });
    const body: unknown = await response.json().catch(() => null);
    if (response.ok) return body;
    const said = refusal.safeParse(body);
    throw new AppTokenError(
      `the forge answered ${response.status}${said.success ? `: ${said.data.message.slice(0, 200)}` : ""}`,
    );
  }
}

async function signed({ id, key }: AppInstallation): Promise<string> {
  try {
    const auth = createAppAuth({ appId: id, privateKey: pkcs8(key) });
    return (await auth({ type: "app" })).token;
  } catch {
    // Whatever the parser says might quote the key.
    throw new AppTokenError("its private key cannot be read");
  }
}
