import { chmodSync } from "node:fs";
import { defineConfig } from "rolldown";

const dir = "apps/node/dist";

/** One executable file with everything in it except Node's own modules. */
export default defineConfig({
  input: { gastown: "apps/node/src/main.ts" },
  platform: "node",
  output: {
    dir,
    format: "esm",
    entryFileNames: "[name].mjs",
    codeSplitting: false,
    banner: "#!/usr/bin/env node",
    sourcemap: true,
  },
  plugins: [{ name: "executable", writeBundle: () => chmodSync(`${dir}/gastown.mjs`, 0o755) }],
});
