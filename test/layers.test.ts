/** The lint rules that hold the architecture do fire, and what lint cannot see is searched for here. */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Report {
  diagnostics: { code: string; filename: string }[];
}

/** The rules that oxlint reports for each of these texts, at their paths below a copy of the configuration. */
function lint(sources: Record<string, string>): Map<string, string[]> {
  const dir = mkdtempSync(join(tmpdir(), "gastown-lint-"));
  try {
    cpSync(join(root, ".oxlintrc.json"), join(dir, ".oxlintrc.json"));
    for (const [path, text] of Object.entries(sources)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const oxlint = join(root, "node_modules/oxlint/bin/oxlint");
    const result = spawnSync(process.execPath, [oxlint, "--format", "json"], {
      cwd: dir,
      encoding: "utf8",
    });
    const report = JSON.parse(result.stdout) as Report;
    const rules = new Map<string, string[]>(Object.keys(sources).map((path) => [path, []]));
    for (const { code, filename } of report.diagnostics) rules.get(posix.normalize(filename))?.push(code);
    return rules;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A table of texts, each tried at its own path, linted in one go. */
function each(cases: [folder: string, text: string][], expected: string | undefined): void {
  const sources = cases.map(([folder, text], i) => [`${folder}/src/part/case-${i}.ts`, text] as const);
  const found = lint(Object.fromEntries(sources));
  const wrong = sources.filter(([path]) => {
    const rules = (found.get(path) ?? []).filter((rule) => rule.includes("no-restricted"));
    return expected === undefined ? rules.length > 0 : !rules.includes(`eslint(${expected})`);
  });
  expect(wrong).toEqual([]);
}

describe("imports run one way", () => {
  const load = (what: string): string => `import { a } from "${what}";\na();\n`;

  it("refuses every wrong one", () => {
    each(
      [
        ["packages/protocol", load("@gastown/town")],
        ["packages/town", load("@gastown/server")],
        ["packages/town", load("@gastown/runner")],
        ["packages/town", load("@gastown/town")],
        ["packages/forge", load("@gastown/town")],
        ["packages/runner", load("@gastown/town")],
        ["packages/server", load("@gastown/runner")],
        ["packages/server", load("@gastown/node")],
        ["packages/simulation", load("@gastown/server")],
        ["apps/cloudflare", load("@gastown/runner")],
        ["apps/dashboard", load("@gastown/town")],
        ["apps/node", load("@gastown/dashboard")],
        ["packages/town", 'export const a = () => import("@gastown/server");\n'],
        ["packages/town", load("@gastown/protocol/src/ids.ts")],
        ["apps/node", load("@gastown/town/src/kernel/sql.ts")],
        ["packages/town", load("../../../server/src/app.ts")],
        ["packages/runner", load("../../../town/src/index.ts")],
        ["packages/town", load("node:fs")],
        ["packages/protocol", load("node:crypto")],
        ["packages/server", load("fs/promises")],
        ["packages/forge", load("node:crypto")],
        ["packages/server", load("cloudflare:workers")],
        ["packages/runner", 'import { setInterval } from "node:timers/promises";\nsetInterval();\n'],
      ],
      "no-restricted-imports",
    );
  });

  it("accepts the right ones", () => {
    each(
      [
        ["packages/town", load("@gastown/protocol")],
        ["packages/runner", load("@gastown/protocol")],
        ["packages/runner", load("node:fs")],
        ["packages/server", load("@gastown/town")],
        ["packages/server", load("@gastown/forge")],
        ["packages/simulation", load("@gastown/town")],
        ["apps/node", load("@gastown/runner")],
        ["packages/town", load("../kernel/sql.ts")],
        ["packages/town", load("#host")],
        ["packages/server", load("hono/http-exception")],
      ],
      undefined,
    );
  });
});

describe("what belongs to the host stays out", () => {
  it("refuses the host's globals", () => {
    each(
      [
        ["packages/town", "export const a = () => process.pid;\n"],
        ["packages/town", "export const a = () => setTimeout(() => {}, 1);\n"],
        ["packages/town", 'export const a = () => fetch("x");\n'],
        ["packages/town", "export const a = () => crypto.randomUUID();\n"],
        ["packages/server", "export const a = () => process.pid;\n"],
        ["packages/forge", "export const a = () => process.pid;\n"],
        ["packages/runner", "export const a = () => setInterval(() => {}, 1);\n"],
        ["apps/node", "export const a = () => setInterval(() => {}, 1);\n"],
      ],
      "no-restricted-globals",
    );
  });

  it("refuses time, chance and another working directory", () => {
    each(
      [
        ["packages/town", "export const a = () => Date.now();\n"],
        ["packages/town", "export const a = () => Math.random();\n"],
        ["packages/runner", 'export const a = () => process.chdir("x");\n'],
        ["apps/node", 'export const a = () => process.chdir("x");\n'],
      ],
      "no-restricted-properties",
    );
  });
});

describe("style", () => {
  it("refuses any, non-null assertions and files above 400 lines", () => {
    const found = lint({
      "packages/town/src/any.ts": "export const a = (b: any) => b;\n",
      "packages/town/src/bang.ts": "export const a = (b?: number) => b! + 1;\n",
      "packages/town/src/long.ts": `${"\n".repeat(401)}export const a = 1;\n`,
    });
    expect(found.get("packages/town/src/any.ts")).toContain("typescript(no-explicit-any)");
    expect(found.get("packages/town/src/bang.ts")).toContain("typescript(no-non-null-assertion)");
    expect(found.get("packages/town/src/long.ts")).toContain("eslint(max-lines)");
  });
});

/** Lines of code, without comments, that match; as `path:line`. */
function search(glob: string, pattern: RegExp): string[] {
  return globSync(glob, { cwd: root }).flatMap((path) =>
    readFileSync(join(root, path), "utf8")
      .split("\n")
      .flatMap((line, i) =>
        !/^\s*(?:\*|\/\/|\/\*)/.test(line) && pattern.test(line) ? [`${path}:${i + 1}`] : [],
      ),
  );
}

describe("sources", () => {
  const everywhere = "{packages,apps}/*/src/**/*.ts";

  it("of the engine take time and chance from nowhere else", () => {
    const hidden =
      /new Date\(\s*\)|globalThis\.|\brandomblob\(|(?:select|values|\+|,|by|set\b.*=)\s*random\(\)|unixepoch\(|julianday\(|(?:date|time|diff)\([^)]*'now'|current_timestamp/i;
    expect(search("packages/{town,simulation}/src/**/*.ts", hidden)).toEqual([]);
  });

  it("never change the environment of this process", () => {
    const change =
      /process\.env(?:\.\w+|\[[^\]]+\])?\s*(?:\?\?|\|\||&&)?=[^=]|delete process\.env|assign\(\s*process\.env|loadEnvFile/;
    expect(search(everywhere, change)).toEqual([]);
  });

  it("import relative paths only within their own package", () => {
    const wrong = globSync(everywhere, { cwd: root }).flatMap((path) =>
      [...readFileSync(join(root, path), "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)]
        .map((match) => posix.join(posix.dirname(path), match[1] ?? ""))
        .filter((target) => !target.startsWith(`${path.split("/").slice(0, 2).join("/")}/`))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it("give a reason where they switch a rule off", () => {
    const silent = globSync("{packages,apps,scripts,test,bench}/**/*.{ts,mjs}", {
      cwd: root,
    }).filter((path) => /(?:ox|es)lint-disable(?!.* -- \S)/.test(readFileSync(join(root, path), "utf8")));
    expect(silent.filter((path) => !path.includes("node_modules") && path !== "test/layers.test.ts")).toEqual(
      [],
    );
  });
});
