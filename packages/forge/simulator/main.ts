/**
 * The simulator as a process, to try things by hand:
 * `node packages/forge/simulator/main.ts --port 4010 --github acme/tool --gitlab acme/group/tool`.
 * Prints one line of JSON with its url, a token, and where each repository is; ends with SIGTERM.
 */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startForgeSimulator } from "./index.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    github: { type: "string", multiple: true, default: [] },
    gitlab: { type: "string", multiple: true, default: [] },
    /** Share of all requests that fails, and the seed that says which. */
    "fail-share": { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
  },
});

const simulator = await startForgeSimulator({ port: Number(values.port) });
const members = { town: "write" } as const;
const repositories: string[] = [];
for (const forge of ["github", "gitlab"] as const)
  for (const path of values[forge]) {
    const { cloneUrl } = await simulator.repository({ forge, path, members });
    repositories.push(cloneUrl);
  }
simulator.faults.share(Number(values["fail-share"]), Number(values.seed));
console.log(JSON.stringify({ url: simulator.url, token: simulator.token("town"), repositories }));

await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
await simulator.close();
