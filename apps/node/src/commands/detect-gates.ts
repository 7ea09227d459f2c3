// cspell:ignore pytest conftest
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const packageFile = z.object({ scripts: z.record(z.string(), z.string()).default({}) });
/** What `npm init` writes: it only fails. */
const NO_TEST = /no test specified/;

/** Commands that test a repository, found from what is in it; empty when nothing is known. */
export function detectGates(root: string): string[] {
  for (const detect of [node, rust, go, python, make]) {
    const gates = detect(root);
    if (gates.length > 0) return gates;
  }
  return [];
}

function node(root: string): string[] {
  const path = join(root, "package.json");
  if (!existsSync(path)) return [];
  const parsed = packageFile.safeParse(readJson(path));
  const test = parsed.success ? parsed.data.scripts["test"] : undefined;
  return test === undefined || NO_TEST.test(test) ? [] : ["npm test"];
}

function rust(root: string): string[] {
  return existsSync(join(root, "Cargo.toml")) ? ["cargo test"] : [];
}

function go(root: string): string[] {
  return existsSync(join(root, "go.mod")) ? ["go test ./..."] : [];
}

function python(root: string): string[] {
  const found = ["pytest.ini", "conftest.py", "tests/conftest.py"].some((name) =>
    existsSync(join(root, name)),
  );
  return found ? ["python -m pytest"] : [];
}

function make(root: string): string[] {
  const path = join(root, "Makefile");
  return existsSync(path) && /^test:/m.test(readFileSync(path, "utf8")) ? ["make test"] : [];
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
