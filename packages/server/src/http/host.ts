/** Which names and pages may speak to the server (spec/api.md §1.7). */
import { GastownError } from "@gastown/protocol";
import type { ServerPorts } from "../ports.ts";
import type { AppContext } from "./env.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** A page elsewhere can make a name of its own point here (DNS rebinding): only known names count. */
export function checkHost(ports: ServerPorts, c: AppContext): void {
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  if (LOOPBACK.has(name) || name === new URL(ports.publicUrl).hostname || ports.allowedHosts.includes(name))
    return;
  throw new GastownError(
    "host_not_allowed",
    "This server does not answer to that host name. Add it to allowed_hosts.",
  );
}

/** What a cookie may change, it may change from our own pages only. */
export function checkOrigin(ports: ServerPorts, c: AppContext): void {
  if (SAFE_METHODS.has(c.req.method) && c.req.header("upgrade") === undefined) return;
  const origin = c.req.header("origin");
  if (origin !== undefined && isOwnOrigin(ports, c, origin)) return;
  throw new GastownError(
    "origin_not_allowed",
    "A request with a cookie must come from this server's own page.",
  );
}

function isOwnOrigin(ports: ServerPorts, c: AppContext, origin: string): boolean {
  if (origin === new URL(ports.publicUrl).origin) return true;
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  return origin === `${new URL(ports.publicUrl).protocol}//${host}`;
}
