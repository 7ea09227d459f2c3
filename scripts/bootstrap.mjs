// Makes node_modules match the lock file before any other script runs. Plain
// JavaScript for Node 20: it runs before the project's own Node is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const stamp = join(modules, ".gastown-lock");
const node = join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node");

const read = (path) => (existsSync(path) ? readFileSync(path) : undefined);
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .update(process.platform + process.arch)
  .digest("hex");
const ready = () => read(stamp)?.toString() === wanted && existsSync(node);

/** npm itself must run on the Node that started us, not on the one it is about to replace. */
function npm(...args) {
  const path = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((entry) => !entry.includes("node_modules"))
    .join(delimiter);
  const env = { ...process.env, PATH: path, npm_config_loglevel: "error" };
  const shell = process.platform === "win32";
  const result = spawnSync("npm", [...args, "--no-audit", "--no-fund"], {
    cwd: root,
    env,
    shell,
    encoding: "utf8",
  });
  const output = result.error ? String(result.error) : (result.stdout + result.stderr).trim();
  return { ok: result.status === 0, output };
}

/** `npm ci` in a fresh clone; otherwise only what changed, so that programs which run now keep their files. */
function install() {
  const fresh = !existsSync(modules);
  const first = fresh ? npm("ci") : npm("install", "--no-save");
  if (first.ok && existsSync(node)) return first;
  // `npm ci` refuses a lock file in which a mirror could not resolve another platform's package;
  // `npm install` follows the same lock file.
  return fresh ? npm("install", "--no-save") : npm("ci");
}

/** One installation at a time. Waits for another one that is alive. */
function withLock(work) {
  const lock = join(
    tmpdir(),
    `gastown-bootstrap-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`,
  );
  const owner = join(lock, "pid");
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (abandoned(lock, owner)) rmSync(lock, { recursive: true, force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  try {
    writeFileSync(owner, String(process.pid));
    work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Its owner is gone. Between the making of the folder and of the file in it there is no owner yet. */
function abandoned(lock, owner) {
  try {
    const pid = read(owner)?.toString();
    if (!pid) return Date.now() - statSync(lock).mtimeMs > 5_000;
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function bootstrap() {
  if (ready()) return;
  const started = performance.now();
  console.error(
    `Installing dependencies (${existsSync(modules) ? "the lock file changed" : "first run, about 550 MB"}) …`,
  );
  const { ok, output } = install();
  const version = ok ? spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim() : undefined;
  if (!version) {
    console.error(output);
    console.error(
      ok
        ? `The npm package "node" has no executable at ${node}: were its install scripts blocked?`
        : "Installing the dependencies failed: npm's message is above. It needs access to an npm registry.",
    );
    process.exitCode = 1;
    return;
  }
  writeFileSync(stamp, wanted);
  console.error(`Installed in ${((performance.now() - started) / 1000).toFixed(0)} s, Node ${version}.`);
}

if (!ready()) withLock(bootstrap);
