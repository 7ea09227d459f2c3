import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** These packages run on Node and on Workers, and so do their tests. */
const portable = ["packages/{protocol,town,server,simulation}/src/**/*.test.ts"];

/** `import text from "./mayor.md"` */
const markdown = {
  name: "markdown",
  enforce: "pre" as const,
  load: (id: string) =>
    id.endsWith(".md") ? `export default ${JSON.stringify(readFileSync(id, "utf8"))};` : undefined,
};

/** Tests that start processes and repositories: a file each in its own process. */
const processes = { pool: "forks" as const, testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    passWithNoTests: true,
    projects: [
      {
        plugins: [markdown],
        resolve: { alias: { "#host": at("./test/hosts/node.ts") } },
        test: { name: "node", include: portable, isolate: false },
      },
      {
        plugins: [
          markdown,
          cloudflareTest({
            main: "./test/hosts/worker.ts",
            miniflare: {
              compatibilityDate: "2026-10-01",
              durableObjects: { SQL_HOST: { className: "SqlHost", useSQLite: true } },
            },
          }),
        ],
        resolve: { alias: { "#host": at("./test/hosts/workerd.ts") } },
        test: { name: "workerd", include: portable, isolate: false },
      },
      {
        plugins: [markdown],
        resolve: { alias: { "#host": at("./test/hosts/node.ts") } },
        test: {
          name: "processes",
          include: ["packages/runner/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["test/real-agents/**"],
          ...processes,
        },
      },
      {
        plugins: [markdown],
        test: {
          name: "real-agents",
          include: ["test/real-agents/**/*.test.ts"],
          ...processes,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
