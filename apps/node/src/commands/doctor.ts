import { ABILITIES, type DetectedRuntime } from "@gastown/runner";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { detected } from "../host/runtimes.ts";
import { checkDataDir, checkGit, checkNode, checkPort, type Check } from "./doctor-checks.ts";
import { checkHost, checkTowns } from "./doctor-host.ts";
import { checkStoredTowns } from "./doctor-towns.ts";

const MARK = { ok: ["green", "ok"], warning: ["yellow", "!"], failed: ["red", "FAIL"] } as const;

/** `gastown doctor`: what works, what does not, and what to do; exit 8 when something fails. */
export const doctor: Run = async (context, _args, options) => {
  const stored = await checkStoredTowns(context, options["fix"] === true);
  const host = await checkHost(context);
  const [git, runtimes, rest] = await Promise.all([
    checkGit(context.env),
    checkRuntimes(context),
    host.running ? checkTowns(context) : checkPort(context),
  ]);
  const checks = [
    ...checkNode(),
    ...git,
    ...runtimes,
    ...checkDataDir(context),
    ...host.checks,
    ...rest,
    ...stored,
  ];
  const ok = checks.every((check) => check.state !== "failed");
  context.out.result({ ok, checks }, () => checks.map((check) => line(context, check)).join("\n"));
  return ok ? EXIT.done : EXIT.problemsFound;
};

function line({ out }: Context, check: Check): string {
  const [style, mark] = MARK[check.state];
  const todo = check.action === undefined ? "" : `\n        ${out.style("dim", `→ ${check.action}`)}`;
  return `${out.style(style, mark.padEnd(4))} ${check.name}: ${check.message}${todo}`;
}

/** What the conformance suite found of a runtime: its limits are no fault of this machine. */
export function measured({ conformance }: Pick<DetectedRuntime, "conformance">): string {
  if (conformance === null) return "not tried with the conformance suite";
  const version = conformance.version === null ? "" : ` (${conformance.version})`;
  const lacks = conformance.cannot.map((ability) => ABILITIES[ability]);
  return `passes the conformance suite${version}${lacks.length === 0 ? "" : `, and cannot ${lacks.join("; ")}`}`;
}

/** Every runtime as a line; none of the real ones is a failure, because then nothing can work. */
async function checkRuntimes(context: Context): Promise<Check[]> {
  const found = await detected(context.env);
  const real = found.filter((one) => one.id !== "scripted" && one.id !== "custom");
  const installed = real.filter((one) => one.installed);
  const lines = installed.map((one): Check => {
    const usable = one.problem === null;
    return {
      name: `runtime ${one.id}`,
      state: usable ? "ok" : "warning",
      message: `${one.title}${one.version === null ? "" : ` ${one.version}`}${usable ? "" : `: ${one.problem}`}; ${measured(one)}`,
      // Whether it is logged in is known only to itself: its first session tells.
      action: `if it is not logged in: ${one.login}`,
    };
  });
  if (lines.length > 0) return lines;
  return [
    {
      name: "runtimes",
      state: "failed",
      message: "no agent runtime is installed; only `gastown demo` works",
      action: `install one, for example: ${real[0]?.install ?? "see the documentation"} (known: ${real.map((one) => one.id).join(", ")})`,
    },
  ];
}
