import { basename, isAbsolute, resolve } from "node:path";
import { existsSync } from "node:fs";
import { GastownError, rigShape, type Rig } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import type { ApiClient } from "../cli/client.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { waitFor } from "../cli/live.ts";
import { duration, table } from "../cli/output.ts";
import { listRigs, theRig, theTown } from "../cli/target.ts";
import { textOption, timeoutOption } from "../cli/values.ts";
import { branchesAway } from "./branches-away.ts";
import { forgeNote } from "./forge-note.ts";
import { withoutSecrets } from "../host/sink.ts";

const CLONE_SECONDS = 600;

/** What `POST /api/repositories/check` answers; only what decides here. */
const checkAnswer = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      ok: z.union([z.boolean(), z.literal("unknown")]),
      reason: z.string().optional(),
      action: z.string().optional(),
    }),
  ),
  defaultBranch: z.string().nullable().optional(),
});

export interface NewRig {
  readonly name: string;
  readonly gitUrl: string;
  readonly branch: string | undefined;
  readonly timeoutMs: number | undefined;
}

export const rigAdd: Run = async (context, [place = ""], options) => {
  const town = await theTown(context);
  const gitUrl = absoluteUrl(place, context.cwd);
  const rig = await addRig(context, town.id, {
    gitUrl,
    name: textOption(options, "name") ?? nameOf(gitUrl),
    branch: textOption(options, "branch"),
    timeoutMs: timeoutOption(options, CLONE_SECONDS),
  });
  context.out.result(rig, `Rig ${rig.name} is ready: ${rig.gitUrl}, branch ${rig.defaultBranch}.`);
  return EXIT.done;
};

/**
 * Looks at the repository first, so that one that cannot be used leaves nothing behind; then makes
 * the rig and waits for its first clone. A rig that turns out broken is removed again.
 */
export async function addRig(context: Context, townId: string, wanted: NewRig): Promise<Rig> {
  const api = await context.api();
  const asked = wanted.branch === undefined ? {} : { defaultBranch: wanted.branch };
  context.out.note(withoutSecrets(`Looking at ${wanted.gitUrl} …`));
  const checked = await api.post(checkAnswer, "/api/repositories/check", {
    townId,
    gitUrl: wanted.gitUrl,
    ...asked,
  });
  const wrong = checked.checks.find((check) => check.ok === false);
  if (wrong !== undefined) throw unusable(wanted.gitUrl, wrong);
  const branch = wanted.branch ?? checked.defaultBranch ?? undefined;
  const made = await api.post(rigShape, `/api/towns/${townId}/rigs`, {
    name: wanted.name,
    gitUrl: wanted.gitUrl,
    ...(branch === undefined ? {} : { defaultBranch: branch }),
  });
  context.out.note(`Cloning ${made.gitUrl} …`);
  const rig = await ready(context, api, townId, made, wanted.timeoutMs);
  const note = await forgeNote(api, townId, rig);
  if (note !== undefined) context.out.note(note);
  return rig;
}

/** git's own words end without a full stop. */
function asSentence(text = ""): string {
  return text === "" || /[.!?]$/.test(text.trimEnd()) ? text : `${text.trimEnd()}.`;
}

function unusable(
  gitUrl: string,
  check: { name: string; reason?: string | undefined; action?: string | undefined },
): GastownError {
  const why = [check.reason ?? check.name, check.action].map(asSentence).filter(Boolean).join(" ");
  // git's own words may run over several lines.
  const line = why.replaceAll(/\s+/g, " ");
  return new GastownError("repository_unusable", `${gitUrl} cannot be used: ${line}`, { check: check.name });
}

async function ready(
  context: Context,
  api: ApiClient,
  townId: string,
  made: Rig,
  timeoutMs: number | undefined,
): Promise<Rig> {
  const path = `/api/towns/${townId}/rigs/${made.id}`;
  const settled = await waitFor(api, {
    townId,
    signal: context.signal,
    timeoutMs,
    read: async () => {
      const rig = await api.get(rigShape, path);
      return rig.state === "pending" ? undefined : rig;
    },
    timeoutMessage: () =>
      `The first clone of ${made.gitUrl} still runs after ${duration(timeoutMs ?? 0)}. \`gastown rig list\` shows when it is ready.`,
  });
  if (settled.state === "ready") return settled;
  await api.call(z.unknown(), "DELETE", path, { query: { force: true } });
  throw new GastownError(
    "repository_unusable",
    `${made.gitUrl} could not be cloned: ${settled.stateReason ?? "the reason is not known"} The rig was removed again.`,
  );
}

/** A path becomes absolute: the server has another working directory. */
export function absoluteUrl(place: string, cwd: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return place;
  // `user@host:path`, unless there is such a file.
  if (/^[^/\s]+@[^/\s]+:/.test(place) && !existsSync(resolve(cwd, place))) return place;
  return isAbsolute(place) ? place : resolve(cwd, place);
}

/** `https://example.org/team/app.git` → `app`. */
export function nameOf(gitUrl: string): string {
  const last = basename(gitUrl.replace(/[/\\]+$/, "")).replace(/\.git$/, "");
  return last.slice(last.lastIndexOf(":") + 1) || "rig";
}

export const rigList: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const rigs = await listRigs(api, town.id);
  context.out.result({ items: rigs }, () =>
    rigs.length === 0
      ? "No rigs yet. Add one with `gastown rig add <url or path>`."
      : table(
          ["NAME", "STATE", "BRANCH", "REPOSITORY"],
          rigs.map((rig) => [rig.name, rig.state, rig.defaultBranch, rig.gitUrl]),
        ),
  );
  return EXIT.done;
};

export const rigRemove: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const rig = await theRig(context, town.id, ref);
  const asked = options["branches"] === true ? await branchesAway(context, town.id, rig) : [];
  const gone = asked.filter(({ state }) => state === "gone").length;
  await api.call(z.unknown(), "DELETE", `/api/towns/${town.id}/rigs/${rig.id}`, {
    query: options["force"] === true ? { force: true } : {},
  });
  context.out.result(
    { deleted: 1, id: rig.id, branches: asked },
    `Removed the rig ${rig.name}. ${gone > 0 ? `${gone} branches that the town had made are gone from its repository.` : "Its repository stays as it is."}`,
  );
  return EXIT.done;
};
