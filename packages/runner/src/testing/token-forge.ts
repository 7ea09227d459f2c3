/**
 * A forge over smart HTTP whose tokens live for two seconds of its own clock, which only a test moves:
 * so a slow machine sees the same as a quick one. Each token opens one repository.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serveHttp } from "../git/testing/http-remote.ts";
import type { HttpRemote } from "../git/testing/http-remote.ts";

interface Issued {
  readonly repository: string;
  readonly expiresAt: number;
}

export const TOKEN_LIFE_MS = 2_000;
/** Planted in every token, so that a search finds it wherever it went. */
export const PLANTED = "planted";

export class TokenForge {
  readonly http: HttpRemote;
  /** Milliseconds of the forge's clock. */
  now = 0;
  readonly issued: Map<string, Issued> = new Map();
  /** Tokens that were taken, and the paths of requests with one that was not. */
  readonly taken: Set<string> = new Set();
  readonly refused: string[] = [];
  /** Raised by a rotation: everything that was issued before counts no more. */
  #generation = 1;

  private constructor(http: HttpRemote) {
    this.http = http;
    http.authorize = (path, authorization) => this.#mayEnter(path, passwordOf(authorization));
    http.api = (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", http.origin);
      if (pathname === "/api/clock") this.now += Number(searchParams.get("ms"));
      const token = (request.headers.authorization ?? "").replace("token ", "");
      const open = pathname === "/api/clock" || this.#mayEnter(pathname.replace("/api/v3/repos", ""), token);
      response.writeHead(open ? 200 : 401, { "content-type": "application/json" });
      response.end(JSON.stringify({ open, now: this.now }));
    };
  }

  /** Serves the bare repositories below `folder`. */
  static async serve(folder: string): Promise<TokenForge> {
    return new TokenForge(await serveHttp(folder));
  }

  get host(): string {
    return new URL(this.http.origin).host;
  }

  url(repository: string): string {
    return `${this.http.origin}/${repository}.git`;
  }

  /** A new token for one repository. */
  mint(repository: string): string {
    const token = `ghs_${PLANTED}_${this.#generation}_${this.issued.size}_${repository.replaceAll("/", "_")}_0123456789`;
    this.issued.set(token, { repository, expiresAt: this.now + TOKEN_LIFE_MS });
    return token;
  }

  rotate(): void {
    this.#generation += 1;
    this.issued.clear();
  }

  #mayEnter(path: string, token: string): boolean {
    const found = this.issued.get(token);
    const open = found !== undefined && found.expiresAt > this.now && path.startsWith(`/${found.repository}`);
    if (open) this.taken.add(token);
    else if (token !== "") this.refused.push(path);
    return open;
  }
}

function passwordOf(authorization: string | undefined): string {
  const [, base64 = ""] = /^Basic (.+)$/.exec(authorization ?? "") ?? [];
  return Buffer.from(base64, "base64").toString().split(":")[1] ?? "";
}

/**
 * A `gh` that is a script: `gh pr list` reads the repository with the token that it was started with,
 * and notes in `<folder>/gh-seen` which processes carry a planted token while it runs.
 */
export function writeScriptedGh(folder: string, forge: TokenForge): string {
  const bin = join(folder, "host-bin");
  mkdirSync(bin, { recursive: true });
  const file = join(bin, "gh");
  writeFileSync(
    file,
    `#!${process.execPath}
const fs = require("node:fs");
const carriers = fs.readdirSync("/proc").filter((pid) => {
  if (!/^[0-9]+$/.test(pid)) return false;
  try {
    return ["environ", "cmdline"].some((part) => fs.readFileSync("/proc/" + pid + "/" + part, "utf8").includes("ghs_${PLANTED}"));
  } catch { return false; }
});
fs.appendFileSync(${JSON.stringify(join(folder, "gh-seen"))}, JSON.stringify({ pid: process.pid, carriers, args: process.argv.slice(2), names: Object.keys(process.env) }) + "\\n");
const token = process.env.GH_TOKEN ?? process.env.GH_ENTERPRISE_TOKEN ?? "";
fetch("${forge.http.origin}/api/v3/repos/" + (process.env.GH_REPO ?? "none/none/none").split("/").slice(1).join("/"), { headers: { authorization: "token " + token } })
  .then((answer) => { console.log("gh " + answer.status); process.exit(answer.ok ? 0 : 1); });
`,
  );
  chmodSync(file, 0o755);
  return bin;
}
