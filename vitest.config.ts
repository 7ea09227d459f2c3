import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** These packages run on Node and on Workers, and so do their tests. */
const portable = ["packages/{protocol,town,server,simulation}/src/**/*.test.ts"];

/** Tests that start processes and repositories: a file each in its own process. */
const processes = { pool: "forks" as const, testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    passWithNoTests: true,
    projects: [
      {
        resolve: { alias: { "#host": at("./test/hosts/node.ts") } },
        test: { name: "node", include: portable, isolate: false },
      },
      {
        plugins: [
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
        resolve: { alias: { "#host": at("./test/hosts/node.ts") } },
        test: {
          name: "processes",
          include: [
            "packages/runner/src/**/*.test.ts",
            "apps/*/src/**/*.test.ts",
            "test/**/*.test.ts",
          ],
          exclude: ["test/real-agents/**"],
          ...processes,
        },
      },
      {
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
