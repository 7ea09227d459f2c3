import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { checkGit as askGit } from "@gastown/runner";
import type { Context } from "../cli/context.ts";
import { dataDir, dataDirPath, errorCode } from "../host/data-dir.ts";
import { loadSettings } from "../host/settings.ts";

export interface Check {
  readonly name: string;
  readonly state: "ok" | "warning" | "failed";
  readonly message: string;
  /** What to do. */
  readonly action?: string;
}

const NODE_MAJOR = 24;

export function checkNode(version: string = process.versions.node): Check[] {
  const major = Number(version.split(".")[0]);
  return [
    major >= NODE_MAJOR
      ? { name: "node", state: "ok", message: version }
      : {
          name: "node",
          state: "failed",
          message: `${version} is too old`,
          action: `use Node ${NODE_MAJOR} or newer`,
        },
  ];
}

export async function checkGit(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const git = await askGit(env["PATH"]);
  return [{ name: "git", state: git.ok ? "ok" : "failed", message: git.message }];
}

/** Whether the directory can be written, and only by its owner. */
export function checkDataDir(context: Context): Check[] {
  const dir = dataDir(dataDirPath(context.options.dataDir, context.env));
  const name = "data directory";
  if (!existsSync(dir.root))
    return [
      { name, state: "ok", message: `${dir.root} does not exist yet; the first \`gastown up\` makes it` },
    ];
  try {
    accessSync(dir.root, constants.W_OK | constants.X_OK);
    if (!statSync(dir.root).isDirectory()) throw Object.assign(new Error("a file"), { code: "ENOTDIR" });
  } catch (error) {
    return [
      {
        name,
        state: "failed",
        message: `${dir.root} cannot be written (${errorCode(error)})`,
        action: "give this user the right to write there, or choose another with --data-dir",
      },
    ];
  }
  const open = [dir.root, dir.localToken, dir.keys, dir.database].filter(
    (path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0,
  );
  if (open.length === 0) return [{ name, state: "ok", message: dir.root }];
  return [
    {
      name,
      state: "failed",
      message: `others may read ${open.join(", ")}`,
      action: `chmod -R go-rwx ${dir.root}`,
    },
  ];
}

/** Whether `gastown up` could listen where it would. */
export async function checkPort(context: Context): Promise<Check[]> {
  const dir = dataDir(dataDirPath(context.options.dataDir, context.env));
  const { host, port } = loadSettings(dir, context.env, {}, false).listen;
  const where = `${host}:${port}`;
  const probe = createServer();
  const { promise, resolve } = Promise.withResolvers<Check>();
  probe.once("error", (error) =>
    resolve({
      name: "port",
      state: "failed",
      message: `it is not possible to listen on ${where} (${errorCode(error)})`,
      action: "end the program that uses it, or choose another with --listen 127.0.0.1:<port>",
    }),
  );
  probe.listen({ host, port }, () =>
    probe.close(() => resolve({ name: "port", state: "ok", message: `${where} is free` })),
  );
  return [await promise];
}
