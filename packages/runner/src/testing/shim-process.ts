/** The shims as processes of their own, for tests. */
import { runShim } from "../index.ts";

await runShim(process.argv.slice(2));
