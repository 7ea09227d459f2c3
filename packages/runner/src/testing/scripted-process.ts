/** The scripted agent as a process of its own, for tests. */
import { runScriptedAgent } from "../index.ts";

await runScriptedAgent();
process.exit(0);
