/** Webhooks of GitLab, which carry the secret of their rig as a token. */
import { z } from "zod";
import { equalInConstantTime } from "./equal.ts";
import {
  branchOf,
  type Concern,
  NO_CONCERN,
  readingOf,
  urlsOf,
  type WebhookReading,
  type WebhookRequest,
} from "./event.ts";

const payload = z.object({
  object_kind: z.string(),
  object_attributes: z
    .object({ url: z.string().nullish(), noteable_type: z.string().nullish(), sha: z.string().nullish() })
    .nullish(),
  merge_request: z.object({ iid: z.int(), url: z.string().nullish() }).nullish(),
  project: z.object({ web_url: z.string() }).nullish(),
  ref: z.string().nullish(),
  after: z.string().nullish(),
  sha: z.string().nullish(),
});
type Payload = z.infer<typeof payload>;

function mergeRequestUrls({ merge_request, project }: Payload): string[] {
  if (!merge_request) return [];
  return urlsOf(merge_request.url ?? `${project?.web_url ?? ""}/-/merge_requests/${merge_request.iid}`);
}

function concernOf(said: Payload): Concern {
  const attributes = said.object_attributes;
  switch (said.object_kind) {
    case "merge_request":
      return { ...NO_CONCERN, pullRequests: urlsOf(attributes?.url) };
    case "note":
      return attributes?.noteable_type === "MergeRequest"
        ? { ...NO_CONCERN, pullRequests: urlsOf(attributes.url) }
        : NO_CONCERN;
    case "pipeline":
      return { ...NO_CONCERN, pullRequests: mergeRequestUrls(said), headSha: attributes?.sha ?? null };
    case "build":
      return { ...NO_CONCERN, headSha: said.sha ?? null };
    case "push":
      return { ...NO_CONCERN, branch: branchOf(said.ref), headSha: said.after ?? null };
    default:
      return NO_CONCERN;
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** Never throws: what is not genuine is refused, what is not understood is ignored. */
export async function readGitLabWebhook(secret: string, request: WebhookRequest): Promise<WebhookReading> {
  const token = request.headers.get("x-gitlab-token") ?? "";
  if (secret === "" || !(await equalInConstantTime(token, secret))) return { kind: "refused" };
  const event = (request.headers.get("x-gitlab-event") ?? "").slice(0, 64);
  const id = request.headers.get("idempotency-key") ?? request.headers.get("x-gitlab-event-uuid");
  const said = payload.safeParse(jsonOf(request.body));
  return readingOf(id?.slice(0, 100) ?? null, event, said.success ? concernOf(said.data) : NO_CONCERN);
}
