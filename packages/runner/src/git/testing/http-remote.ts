/** Smart HTTP over real repositories: git's own `http-backend` behind a loopback port. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join } from "node:path";

/** `lost`: it is done, and its answer never comes. */
export type Fault = "unavailable" | "cut" | "lost";

export interface HttpRemote {
  readonly origin: string;
  readonly requests: string[];
  /** `user:password` that is wanted; null: anybody. */
  credentials: string | null;
  /** Decides instead of `credentials`, by the path and what the request carries; null: they decide. */
  authorize: ((path: string, authorization: string | undefined) => boolean) | null;
  /** Answers what is no git request (paths that begin with `/api/`); null: 404 of the backend. */
  api: ((request: IncomingMessage, response: ServerResponse) => void) | null;
  /** Answered instead of the backend's answer; null: none. */
  status: number | null;
  /** Whether pushes are answered with 403. */
  readOnly: boolean;
  /** What goes wrong with a request, by its number from 0; null: nothing. */
  fault: ((index: number) => Fault | null) | null;
  /** How many requests went wrong so far. */
  faults: number;
  close(): Promise<void>;
}

function backendEnv(folder: string, request: IncomingMessage): Record<string, string> {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  return {
    PATH: process.env["PATH"] ?? "",
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "http.receivepack",
    GIT_CONFIG_VALUE_0: "true",
    GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    REQUEST_METHOD: request.method ?? "GET",
    PATH_INFO: path,
    QUERY_STRING: query,
    CONTENT_TYPE: request.headers["content-type"] ?? "",
    REMOTE_USER: "tester",
  };
}

/** CGI: headers up to an empty line, then the body. */
function relay(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const child = spawn("git", ["http-backend"], {
    cwd: join(folder),
    env: backendEnv(folder, request),
    stdio: ["pipe", "pipe", "inherit"],
  });
  let head = Buffer.alloc(0);
  let begun = false;
  request.pipe(child.stdin);
  child.stdin.on("error", () => undefined);
  child.stdout.on("data", (chunk: Buffer) => {
    if (begun) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    begun = true;
    for (const line of head.subarray(0, end).toString().split("\r\n")) {
      const cut = line.indexOf(": ");
      if (line.startsWith("Status: ")) response.statusCode = Number(line.slice(8, 11));
      else response.setHeader(line.slice(0, cut), line.slice(cut + 2));
    }
    response.write(head.subarray(end + 4));
  });
  child.stdout.on("end", () => response.end());
}

/** The backend does all of it; its answer goes nowhere, and then the connection is gone. */
function lose(folder: string, request: IncomingMessage): void {
  const child = spawn("git", ["http-backend"], {
    cwd: folder,
    env: backendEnv(folder, request),
    stdio: ["pipe", "ignore", "inherit"],
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => undefined);
  child.once("close", () => request.socket.destroy());
}

/** Serves every repository below `folder` on a free port of 127.0.0.1. */
export async function serveHttp(folder: string): Promise<HttpRemote> {
  const remote = {
    origin: "",
    requests: [] as string[],
    credentials: null as string | null,
    authorize: null as HttpRemote["authorize"],
    api: null as HttpRemote["api"],
    status: null as number | null,
    readOnly: false,
    fault: null as HttpRemote["fault"],
    faults: 0,
  };
  const server: Server = createServer((request, response) => {
    const fault = remote.fault?.(remote.requests.length) ?? null;
    remote.requests.push(`${request.method} ${request.url}`);
    const wanted =
      remote.credentials === null ? null : `Basic ${Buffer.from(remote.credentials).toString("base64")}`;
    const { url = "", headers } = request;
    const isGiven = remote.authorize?.(url, headers.authorization) ?? wanted === headers.authorization;
    const isRefused = (wanted !== null || remote.authorize !== null) && !isGiven;
    if (fault !== null) remote.faults += 1;
    if (fault === "unavailable") response.writeHead(503).end();
    else if (fault === "cut") request.socket.destroy();
    else if (fault === "lost") lose(folder, request);
    else if (remote.status !== null) response.writeHead(remote.status).end();
    else if (remote.api !== null && url.startsWith("/api/")) remote.api(request, response);
    else if (isRefused) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
    } else if (remote.readOnly && (request.url ?? "").includes("git-receive-pack"))
      response.writeHead(403).end();
    else relay(folder, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return Object.assign(remote, {
    origin: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
