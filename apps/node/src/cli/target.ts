import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { GastownError, rigShape, townShape, type Rig, type TownShape } from "@gastown/protocol";
import { z } from "zod";
import type { Context } from "./context.ts";
import type { ApiClient } from "./client.ts";
import { CommandError, EXIT } from "./failure.ts";

const run = promisify(execFile);

/** A list answer; only its items matter here. */
export function listOf<T>(item: z.ZodType<T>): z.ZodType<{ items: T[]; nextCursor: string | null }> {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable().default(null) });
}

const townItem = townShape.pick({ id: true, name: true });
export type TownItem = Pick<TownShape, "id" | "name">;

/** Whether a person may mean this thing: by full id, by an ending of it, or by name. */
function isMeant(ref: string, thing: { id: string; name?: string }): boolean {
  if (thing.id === ref || thing.name === ref) return true;
  const ending = ref.slice(ref.lastIndexOf("_") + 1).toLowerCase();
  return ending.length >= 4 && thing.id.toLowerCase().endsWith(ending);
}

/** The one that is meant. Throws `not_found` with what there is, or exit code 2 for several. */
export function choose<T extends { id: string; name?: string }>(
  what: string,
  ref: string,
  things: readonly T[],
): T {
  const exact = things.filter((thing) => thing.id === ref || thing.name === ref);
  const meant = exact.length > 0 ? exact : things.filter((thing) => isMeant(ref, thing));
  const [one] = meant;
  if (one !== undefined && meant.length === 1) return one;
  if (one !== undefined)
    throw new CommandError(
      EXIT.usage,
      "validation_failed",
      `"${ref}" could mean ${names(meant)}. Give more of it.`,
    );
  throw new GastownError("not_found", `There is no ${what} "${ref}". There ${are(things)}.`);
}

function names(things: readonly { id: string; name?: string }[]): string {
  return things
    .map((thing) => (thing.name === undefined ? thing.id : `${thing.name} (${thing.id})`))
    .join(", ");
}

function are(things: readonly { id: string; name?: string }[]): string {
  return things.length === 0 ? "are none yet" : `${things.length === 1 ? "is" : "are"} ${names(things)}`;
}

export async function listTowns(api: ApiClient): Promise<TownItem[]> {
  return (await api.get(listOf(townItem), "/api/towns")).items;
}

/** `--town`, else the only one (spec/api.md §7). */
export async function theTown(context: Context): Promise<TownItem> {
  const api = await context.api();
  const towns = await listTowns(api);
  const wanted = context.options.town ?? context.env["GASTOWN_TOWN"];
  if (wanted !== undefined && wanted !== "") return choose("town", wanted, towns);
  const [only] = towns;
  if (only === undefined)
    throw new GastownError(
      "not_found",
      "There is no town yet. Make one with `gastown init` in a repository.",
    );
  if (towns.length === 1) return only;
  throw new CommandError(
    EXIT.usage,
    "validation_failed",
    `There are several towns: ${names(towns)}. Say which with --town.`,
  );
}

export async function listRigs(api: ApiClient, townId: string): Promise<Rig[]> {
  return (await api.get(listOf(rigShape), `/api/towns/${townId}/rigs`)).items;
}

/** `--rig`, else the one of the directory's repository, else the only one. */
export async function theRig(context: Context, townId: string, ref = context.options.rig): Promise<Rig> {
  const api = await context.api();
  const rigs = await listRigs(api, townId);
  if (ref !== undefined) return choose("rig", ref, rigs);
  const here = await remotesOf(context.cwd);
  const matching = rigs.filter((rig) => here.includes(rig.gitUrl));
  const [only] = matching.length === 1 ? matching : rigs;
  if (only === undefined)
    throw new GastownError(
      "not_found",
      "The town has no rig yet. Add one with `gastown rig add <url or path>`.",
    );
  if (matching.length === 1 || rigs.length === 1) return only;
  throw new CommandError(
    EXIT.usage,
    "validation_failed",
    `The town has several rigs: ${names(rigs)}. Say which with --rig.`,
  );
}

/** Where the directory's repository is kept: its remotes, and the repository itself. */
async function remotesOf(cwd: string): Promise<string[]> {
  const [top, remotes] = await Promise.all([
    git(cwd, "rev-parse", "--show-toplevel"),
    git(cwd, "config", "--get-regexp", String.raw`^remote\..*\.url$`),
  ]);
  const urls = remotes.split("\n").map((line) => line.slice(line.indexOf(" ") + 1));
  return [...urls, top].map((text) => text.trim()).filter((text) => text !== "");
}

/** Output of git, or nothing where it fails: this only ever asks. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  try {
    return (await run("git", args, { cwd, timeout: 10_000 })).stdout.trim();
  } catch {
    return "";
  }
}
