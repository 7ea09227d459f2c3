import { parsePullRequestUrl, parseRepositoryUrl, sameProject, type PullRequestUrl } from "@gastown/forge";
import { adoptAnswer, GastownError, pullRequestPreview, type Rig } from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "../cli/client.ts";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { listRigs, theRig, theTown } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

export const adopt: Run = async (context, [prUrl = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const rig = await rigOf(context, town.id, prUrl);
  const merges = `/api/towns/${town.id}/rigs/${rig.id}/merges`;
  const preview = await api.post(pullRequestPreview, `${merges}/preview`, { prUrl });
  for (const warning of preview.warnings) context.out.note(warning);
  if (options["preview"] === true) {
    const { title, author, state, head, base, headSha } = preview;
    context.out.result(
      preview,
      `${title}\nby ${author}, ${state}: ${head} → ${base} at ${headSha.slice(0, 8)}`,
    );
    return EXIT.done;
  }
  const title = textOption(options, "title");
  const adopted = await api.post(adoptAnswer, `${merges}/adopt`, {
    prUrl,
    ...(title === undefined ? {} : { title }),
    ...(options["allowForcePush"] === true ? { forcePushAllowed: true } : {}),
  });
  const short = `bead_${adopted.id.slice(-8).toLowerCase()}`;
  context.out.result(
    adopted,
    adopted.warning ??
      `The town looks after it now: ${adopted.title} (${short}). \`gastown merge show ${short}\` says how it stands.`,
  );
  return EXIT.done;
};

/** The rig that the pull request is of; --rig where one is named. */
async function rigOf(context: Context, townId: string, prUrl: string): Promise<Rig> {
  if (context.options.rig !== undefined) return theRig(context, townId);
  const api = await context.api();
  const site = await gitlabSite(api, townId);
  const pr = parsePullRequestUrl(prUrl, site);
  if (pr.kind !== "pull_request") {
    throw new GastownError(
      "unrecognized_url",
      `${pr.url} is not the address of a pull request, such as https://github.com/owner/name/pull/7.`,
    );
  }
  const rigs = await listRigs(api, townId);
  return rigAt(rigs, pr, site) ?? theRig(context, townId);
}

/** `site`: a GitLab that may live below a path of its host, which no ssh url tells. */
export function rigAt<R extends Pick<Rig, "gitUrl">>(
  rigs: readonly R[],
  pr: Pick<PullRequestUrl, "site" | "project">,
  site: string | undefined,
): R | undefined {
  return rigs.find(({ gitUrl }) => {
    const at = parseRepositoryUrl(gitUrl, site);
    return at !== null && at.site === pr.site && sameProject(at.project, pr.project);
  });
}

const GITLAB_URL = "credentials.gitlab_url";
const answer = z.object({ effective: z.record(z.string(), z.object({ value: z.unknown() })) });

/** The town's own GitLab, where it has one. */
async function gitlabSite(api: ApiClient, townId: string): Promise<string | undefined> {
  const { effective } = await api.get(answer, `/api/towns/${townId}/config`);
  const url = effective[GITLAB_URL]?.value;
  return typeof url === "string" && URL.canParse(url) ? url : undefined;
}
