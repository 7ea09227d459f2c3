/** Webhooks of GitHub, signed with the secret of their rig. */
import { verify } from "@octokit/webhooks-methods";
import { z } from "zod";
import {
  branchOf,
  type Concern,
  NO_CONCERN,
  readingOf,
  urlsOf,
  type WebhookReading,
  type WebhookRequest,
} from "./event.ts";

const SIGNATURE = /^sha256=[0-9a-f]{64}$/;

const payload = z.object({
  pull_request: z.object({ html_url: z.string() }).nullish(),
  issue: z.object({ pull_request: z.object({ html_url: z.string() }).nullish() }).nullish(),
  repository: z.object({ html_url: z.string() }).nullish(),
  check_run: check(),
  check_suite: check(),
  workflow_run: check(),
  /** Of a status event. */
  sha: z.string().nullish(),
  /** Of a push. */
  ref: z.string().nullish(),
  after: z.string().nullish(),
});
type Payload = z.infer<typeof payload>;

function check() {
  return z
    .object({
      head_sha: z.string().nullish(),
      pull_requests: z.array(z.object({ number: z.int() })).nullish(),
    })
    .nullish();
}

function ofCheck(checked: Payload["check_run"], said: Payload): Concern {
  const root = said.repository?.html_url ?? "";
  const numbers = (checked?.pull_requests ?? []).map(({ number }) => `${root}/pull/${number}`);
  return { ...NO_CONCERN, pullRequests: urlsOf(...numbers), headSha: checked?.head_sha ?? null };
}

function concernOf(event: string, said: Payload): Concern {
  switch (event) {
    case "pull_request":
    case "pull_request_review":
    case "pull_request_review_comment":
    case "pull_request_review_thread":
      return { ...NO_CONCERN, pullRequests: urlsOf(said.pull_request?.html_url) };
    case "issue_comment":
      return { ...NO_CONCERN, pullRequests: urlsOf(said.issue?.pull_request?.html_url) };
    case "check_run":
      return ofCheck(said.check_run, said);
    case "check_suite":
      return ofCheck(said.check_suite, said);
    case "workflow_run":
      return ofCheck(said.workflow_run, said);
    case "status":
      return { ...NO_CONCERN, headSha: said.sha ?? null };
    case "push":
      return { ...NO_CONCERN, branch: branchOf(said.ref), headSha: said.after ?? null };
    default:
      return NO_CONCERN;
  }
}

/** A hook may be set to send its JSON as a field of a form. */
function jsonOf({ headers, body }: WebhookRequest): unknown {
  const form = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") === true;
  try {
    return JSON.parse(form ? (new URLSearchParams(body).get("payload") ?? "") : body);
  } catch {
    return null;
  }
}

/** Never throws: what is not genuine is refused, what is not understood is ignored. */
export async function readGitHubWebhook(secret: string, request: WebhookRequest): Promise<WebhookReading> {
  const signature = request.headers.get("x-hub-signature-256") ?? "";
  if (secret === "" || request.body === "" || !SIGNATURE.test(signature)) return { kind: "refused" };
  if (!(await verify(secret, request.body, signature))) return { kind: "refused" };
  const event = (request.headers.get("x-github-event") ?? "").slice(0, 64);
  const delivery = request.headers.get("x-github-delivery")?.slice(0, 100) ?? null;
  const said = payload.safeParse(jsonOf(request));
  return readingOf(delivery, event, said.success ? concernOf(event, said.data) : NO_CONCERN);
}
