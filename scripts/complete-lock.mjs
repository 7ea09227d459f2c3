// Completes the lock file: npm leaves out another platform's optional package
// when it cannot resolve it, and `npm ci` then refuses the lock file everywhere.
// An entry of only version and platform repairs that; npm never fetches it
// here. With --check it changes nothing and says what is wrong.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const text = readFileSync(path, "utf8");
const lock = JSON.parse(text);

const OS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const CPU = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** The platform from the name: `@x/binding-linux-x64-musl`. */
function platform(name) {
  const words = name.replace("darwin-64", "darwin-x64").split(/[^a-z0-9]+/);
  const os = words.flatMap((word) => (word === "windows" ? ["win32"] : OS.includes(word) ? [word] : []));
  const cpu = words.flatMap((word) => (word === "64" ? ["x64"] : CPU.includes(word) ? [word] : []));
  const libc = words.includes("musl") ? ["musl"] : words.includes("gnu") ? ["glibc"] : [];
  return {
    ...(os.length > 0 && { os }),
    ...(cpu.length > 0 && { cpu }),
    ...(libc.length > 0 && { libc }),
  };
}

/** Node's rule: the nearest node_modules upwards. */
function nearest(packages, from, name) {
  for (let at = from; ;) {
    const found = packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`];
    if (found !== undefined || at === "") return found;
    const above = at.lastIndexOf("/node_modules/");
    at = above < 0 ? "" : at.slice(0, above);
  }
}

/** What an optional dependency with an exact version asks for and the lock file does not have. */
function missing({ packages }) {
  const entries = new Map();
  for (const [from, entry] of Object.entries(packages))
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!/^\d/.test(version) || nearest(packages, from, name)?.version === version) continue;
      const top = `node_modules/${name}`;
      const place = packages[top] === undefined && !entries.has(top) ? top : `${from}/${top}`;
      entries.set(place, { version, ...platform(name), optional: true });
    }
  return entries;
}

const entries = missing(lock);

if (process.argv.includes("--check")) {
  const wrong = [...entries.keys()].map((name) => `missing: ${name} (npm run complete-lock)`);
  if (/"resolved": "[a-z+]+:/.test(text)) wrong.push("an address in package-lock.json");
  for (const manifest of Object.entries(lock.packages).filter(([at]) => !at.includes("node_modules")))
    for (const field of ["dependencies", "devDependencies"])
      for (const [name, version] of Object.entries(manifest[1][field] ?? {}))
        if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
          wrong.push(`not an exact version: ${name} ${version}`);
  const dry = spawnSync("npm", ["ci", "--dry-run", "--loglevel=error"], {
    cwd: root,
    encoding: "utf8",
  });
  if (dry.status !== 0) wrong.push(`npm ci refuses the lock file:\n${dry.stderr}`);
  if (wrong.length > 0) console.error(wrong.join("\n"));
  process.exitCode = wrong.length > 0 ? 1 : 0;
} else if (entries.size > 0) {
  const all = Object.entries({ ...lock.packages, ...Object.fromEntries(entries) });
  lock.packages = Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`Added to the lock file: ${[...entries.keys()].join(", ")}`);
}
