/**
 * git's credential helper, and the only one: what it says nothing of, the host's own git is asked
 * for, so a town without credentials works as its host does (spec/review.md §4.2).
 */
import { text } from "node:stream/consumers";
import { askBroker } from "./ask.ts";
import { ancestorDirectories } from "./ancestors.ts";
import { findSession } from "./find-session.ts";
import { PURPOSE_ENV } from "./messages.ts";
import { ask as askProgram, hostGitEnv, realProgram } from "./real-program.ts";

/** For `remote-errors.ts`: git's own words after it would read like a wrong password. */
const NOT_NOW = "gastown: no credential can be had at the moment";

/**
 * `get` alone is answered: what git would have stored or erased is the town's, or was had from the
 * host's own helpers, which are never told of it.
 */
export async function credentialHelper(shims: string, operation: string): Promise<void> {
  if (operation !== "get") return;
  const input = await text(process.stdin);
  const fields = new Map(input.split("\n").map((line) => split(line)));
  const host = fields.get("host");
  if (host === undefined) return;
  const found = findSession(process.env, process.cwd(), ancestorDirectories);
  if (found === null) return void process.stdout.write(hostGit(shims, input));
  const answer = await askBroker(found, {
    ask: "credential",
    host,
    protocol: fields.get("protocol") ?? "",
    purpose: process.env[PURPOSE_ENV] === "push" ? "push" : "fetch",
    program: "git",
    pid: process.pid,
  });
  if (answer.kind !== "credential") {
    const { passing, message } =
      answer.kind === "refused" ? answer : { passing: true, message: "not understood" };
    process.stderr.write(`${passing ? NOT_NOW : "gastown"}: ${message}\n`);
    process.stdout.write("quit=1\n");
    return;
  }
  const user = answer.username === "" ? "" : `username=${answer.username}\n`;
  if (answer.token === null) process.stdout.write(hostGit(shims, `${input.trimEnd()}\n${user}`));
  else process.stdout.write(`${user}password=${answer.token}\n`);
}

function split(line: string): [string, string] {
  const cut = line.indexOf("=");
  return [line.slice(0, cut), line.slice(cut + 1)];
}

/** The folder is one that is no repository: only the host's own settings count, none of an agent's. */
function hostGit(shims: string, input: string): string {
  const real = realProgram("git", shims);
  if (real === null) return "";
  const said = askProgram(real, ["credential", "fill"], {
    env: { ...hostGitEnv(shims), GIT_CEILING_DIRECTORIES: "/" },
    input: `${input.trimEnd()}\n\n`,
    cwd: "/",
  });
  return said === "" ? "" : `${said}\n`;
}
