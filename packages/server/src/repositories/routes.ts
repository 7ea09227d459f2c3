/** Trying a repository before it becomes a rig (spec/api.md §3.1). */
import { checkRepositoryBody, GastownError, repoCheckAnswer, type RepoCheckAnswer } from "@gastown/protocol";
import { z } from "zod";
import { cleanGitUrl } from "../credentials/git-url.ts";
import type { Endpoints } from "../http/endpoint.ts";
import type { ServerPorts } from "../ports.ts";
import { askRunner } from "../runner/ask.ts";
import { forgeOf } from "./forge.ts";

const checkAnswer = z.object({
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), reason: z.string(), action: z.string().optional() }),
  ),
  defaultBranch: z.string().nullable(),
  forge: z.enum(["github", "gitlab", "git"]),
});

export function repositoryRoutes(on: Endpoints, ports: ServerPorts): void {
  on.plain(
    {
      method: "post",
      path: "/api/repositories/check",
      operation: "repositories.check",
      summary: "Whether a repository can be reached and used. Makes nothing.",
      who: "user",
      body: checkRepositoryBody,
      answer: checkAnswer,
    },
    async ({ body }) => {
      const { gitUrl } = cleanGitUrl(body.gitUrl);
      const response = await askRunner(ports, {
        townId: await townFor(ports, body.townId),
        method: "POST",
        path: "/repos/check",
        body: {
          git_url: gitUrl,
          ...(body.defaultBranch === undefined ? {} : { branch: body.defaultBranch }),
        },
      });
      const answer = repoCheckAnswer.safeParse(await response.json());
      if (!answer.success) throw new GastownError("runner_error", "The runner's answer was not understood.");
      return shown(gitUrl, answer.data);
    },
  );
}

/** Any town's runner can look; the named one where one is named. */
async function townFor(ports: ServerPorts, townId: string | undefined): Promise<string> {
  const chosen = townId ?? ports.towns.list()[0]?.id;
  if (chosen === undefined || (await ports.towns.get(chosen)) === undefined) {
    throw new GastownError("not_found", "There is no town whose runner could look. Make a town first.");
  }
  return chosen;
}

function shown(
  gitUrl: string,
  { ok, problem, message, action, default_branch }: RepoCheckAnswer,
): z.input<typeof checkAnswer> {
  const todo = action === "" ? {} : { action };
  const reached = problem !== "unreachable" && problem !== "not_allowed";
  const read = reached && problem !== "auth";
  const checks = [
    {
      name: "reach",
      ok: reached,
      reason: reached ? "The repository answers." : message,
      ...(reached ? {} : todo),
    },
    { name: "read", ok: read, reason: read ? "It can be read." : message, ...(read ? {} : todo) },
    { name: "branch", ok, reason: message, ...(ok ? {} : todo) },
  ];
  return { checks, defaultBranch: default_branch, forge: forgeOf(gitUrl) };
}
