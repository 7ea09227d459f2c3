/** git over HTTP by git's own server (`git http-backend`), for the holders of a token. */
import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createGunzip } from "node:zlib";
import { dirname, basename } from "node:path";
import { accessOf, allows, findToken, type World } from "../model/world.ts";
import { syncPulls } from "../model/pulls.ts";
import type { Repository } from "../model/types.ts";
import { gitEnvironment } from "./git.ts";

const ROUTE = /^\/(.+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

export interface GitRoute {
  readonly repository: Repository | null;
  readonly rest: string;
}

/** The repository and service of a request, if it is git's. */
export function gitRoute(world: World, url: URL): GitRoute | null {
  const [, path, rest] = ROUTE.exec(decodeURIComponent(url.pathname)) ?? [];
  if (path === undefined || rest === undefined) return null;
  const wanted = path.toLowerCase();
  return { repository: world.repositories.find((one) => one.path.toLowerCase() === wanted) ?? null, rest };
}

function refuse(response: Answer, status: number, message: string): void {
  response.writeHead(status, {
    "content-type": "text/plain",
    ...(status === 401 ? { "www-authenticate": 'Basic realm="forge"' } : {}),
  });
  response.end(`${message}\n`);
}

/** Headers of CGI, and how many bytes of `raw` they take; null: not all there yet. */
function cgiHead(raw: Buffer): { status: number; headers: Record<string, string>; length: number } | null {
  const end = raw.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const headers: Record<string, string> = {};
  for (const row of raw.subarray(0, end).toString("latin1").split("\r\n")) {
    const at = row.indexOf(":");
    headers[row.slice(0, at).toLowerCase()] = row.slice(at + 1).trim();
  }
  const status = Number.parseInt(headers["status"] ?? "200", 10);
  delete headers["status"];
  return { status, headers, length: end + 4 };
}

/** Where an exchange's answer goes. */
type Answer = Pick<ServerResponse, "writeHead" | "write" | "once" | "end">;

export async function serveGit(
  world: World,
  route: GitRoute,
  request: IncomingMessage,
  response: Answer,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://simulator");
  const token = findToken(world, request.headers.authorization);
  const { repository } = route;
  const access = repository === null ? null : accessOf(repository, token);
  const writes = route.rest === "git-receive-pack" || url.searchParams.get("service") === "git-receive-pack";
  if (repository === null || !allows(access, "read") || (token === null && writes))
    return refuse(response, token === null ? 401 : 404, "Repository not found.");
  if (writes && !allows(access, "write")) return refuse(response, 403, "Permission denied.");
  const end = await backend(repository, route.rest, url, {
    request,
    response,
    user: token?.user.login ?? "",
  });
  if (route.rest === "git-receive-pack") await repository.serial.run(() => syncPulls(world, repository));
  end();
}

/** Streams one exchange; the caller ends the response, after it took in what was pushed. */
async function backend(
  repository: Repository,
  rest: string,
  url: URL,
  http: { request: IncomingMessage; response: Answer; user: string },
): Promise<() => void> {
  const { request, response } = http;
  const child = spawn("git", ["http-backend"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: gitEnvironment({
      GIT_PROJECT_ROOT: dirname(repository.dir),
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: `/${basename(repository.dir)}/${rest}`,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      REMOTE_USER: http.user,
      REMOTE_ADDR: "127.0.0.1",
    }),
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const body = request.headers["content-encoding"] === "gzip" ? request.pipe(createGunzip()) : request;
  body.on("error", () => child.stdin.destroy());
  child.stdin.on("error", () => {});
  body.pipe(child.stdin);
  response.once("close", () => child.stdout.destroy());

  let head = Buffer.alloc(0);
  let started = false;
  child.stdout.on("data", (chunk: Buffer) => {
    if (started) {
      if (!response.write(chunk)) {
        child.stdout.pause();
        response.once("drain", () => child.stdout.resume());
      }
      return;
    }
    head = Buffer.concat([head, chunk]);
    const parsed = cgiHead(head);
    if (parsed === null) return;
    started = true;
    response.writeHead(parsed.status, parsed.headers);
    response.write(head.subarray(parsed.length));
  });
  child.stdout.on("error", () => {});
  child.once("error", () => resolve());
  child.once("close", () => resolve());
  await promise;
  if (!started) response.writeHead(500);
  return () => response.end();
}
