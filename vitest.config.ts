import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const onNode = { alias: { "#host": at("./test/hosts/node.ts") } };
const onWorkerd = { alias: { "#host": at("./test/hosts/workerd.ts") } };

/** These packages run on Node and on Workers, and so do their tests. */
const portable = ["packages/{protocol,town,forge,server}/src/**/*.test.ts"];
/** Pure, and too much work to do it twice. */
const simulation = ["packages/simulation/src/**/*.test.ts"];
const realAgents = ["test/real-agents/**/*.test.ts"];

/** Most of a short process's life is the reading of its code, and these tests start a thousand. */
const quickStarts = { env: { NODE_COMPILE_CACHE: at("./node_modules/.cache/compiled") } };

/** A limit only ends what would never end: a machine with much else to do is slow, and not wrong. */
const patient = { testTimeout: 180_000, hookTimeout: 180_000 };

const workers = cloudflareTest({
  main: "./test/hosts/worker.ts",
  miniflare: {
    compatibilityDate: "2026-10-01",
    durableObjects: { SQL_HOST: { className: "SqlHost", useSQLite: true } },
  },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        resolve: onNode,
        test: { name: "node", include: portable, isolate: false, ...patient },
      },
      {
        resolve: onNode,
        test: { name: "simulation", include: simulation, isolate: false, ...patient },
      },
      {
        plugins: [workers],
        resolve: onWorkerd,
        test: { name: "workerd", include: portable, isolate: false, ...patient },
      },
      {
        // They start processes and repositories: each file in its own process.
        resolve: onNode,
        test: {
          name: "processes",
          include: ["{packages,apps}/*/{src,simulator,conformance}/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...portable, ...simulation, ...realAgents],
          pool: "forks",
          globalSetup: at("./test/packaged.ts"),
          ...patient,
          ...quickStarts,
        },
      },
      {
        // Last and one after another: they need the machine for themselves.
        resolve: onNode,
        test: {
          name: "real-agents",
          include: realAgents,
          pool: "forks",
          globalSetup: at("./test/packaged.ts"),
          ...quickStarts,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          // An agent is downloaded first where it is not there.
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
