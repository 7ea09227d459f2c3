/**
 * The server, and with it the town and the protocol, must run on Workers. Bundles it with the
 * conditions of Workers and fails when an import is left that only Node could answer. A test in
 * workerd cannot show this: its test host answers `node:` imports.
 */
import { isBuiltin } from "node:module";
import { rolldown } from "rolldown";

const bundle = await rolldown({
  input: "packages/server/src/index.ts",
  platform: "browser",
  resolve: { conditionNames: ["workerd", "worker", "browser", "import"] },
  external: (id) => isBuiltin(id) || id.startsWith("cloudflare:"),
  onLog: (level, log) => {
    if (level === "warn" && log.code === "UNRESOLVED_IMPORT") throw new Error(log.message);
  },
});
const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
await bundle.close();

const left = output.flatMap((chunk) =>
  chunk.type === "chunk" ? [...chunk.imports, ...chunk.dynamicImports] : [],
);
if (left.length > 0) {
  console.error(`packages/server cannot run on Workers, it imports: ${[...new Set(left)].join(", ")}`);
  process.exitCode = 1;
}
