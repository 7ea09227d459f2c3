/** Tells the hooks of a repository what changed, signed as the two forges sign. Nobody waits for it. */
import { createHmac, randomUUID } from "node:crypto";
import type { Hook, PullRequest, Repository } from "../model/types.ts";

export interface Delivery {
  readonly url: string;
  readonly event: string;
  readonly id: string;
  /** Null: no answer. */
  readonly status: number | null;
}

const GITHUB_EVENTS: Record<string, string> = {
  review: "pull_request_review",
  thread: "pull_request_review_comment",
  comment: "issue_comment",
  check: "check_run",
};

function github(origin: string, repository: Repository, pull: PullRequest | null, what: string): object {
  const pulls = pull === null ? [] : [pull];
  const html_url = pull === null ? undefined : `${origin}/${repository.path}/pull/${pull.number}`;
  const repo = { full_name: repository.path, html_url: `${origin}/${repository.path}` };
  if (what === "check")
    return {
      action: "completed",
      check_run: { pull_requests: pulls.map(({ number }) => ({ number })) },
      repository: repo,
    };
  if (what === "comment")
    return {
      action: "created",
      issue: { number: pull?.number, pull_request: { html_url } },
      repository: repo,
    };
  return { action: what, pull_request: { number: pull?.number, html_url }, repository: repo };
}

function gitlab(origin: string, repository: Repository, pull: PullRequest | null, what: string): object {
  const url = pull === null ? undefined : `${origin}/${repository.path}/-/merge_requests/${pull.number}`;
  const project = { path_with_namespace: repository.path, web_url: `${origin}/${repository.path}` };
  if (what === "check")
    return {
      object_kind: "pipeline",
      merge_request: pull === null ? null : { iid: pull.number, url },
      project,
    };
  if (what === "thread" || what === "comment")
    return {
      object_kind: "note",
      object_attributes: { noteable_type: "MergeRequest", url: `${url}#note_1` },
      project,
    };
  return {
    object_kind: "merge_request",
    object_attributes: { iid: pull?.number, url, action: what },
    project,
  };
}

function headersOf(
  repository: Repository,
  hook: Hook,
  event: string,
  id: string,
  body: string,
): Record<string, string> {
  if (repository.forge === "gitlab")
    return { "x-gitlab-event": event, "x-gitlab-event-uuid": id, "x-gitlab-token": hook.secret };
  const signature = createHmac("sha256", hook.secret).update(body).digest("hex");
  return { "x-github-event": event, "x-github-delivery": id, "x-hub-signature-256": `sha256=${signature}` };
}

export class Webhooks {
  readonly deliveries: Delivery[] = [];
  readonly #under = new Set<Promise<void>>();
  #origin = "";

  start(origin: string): void {
    this.#origin = origin;
  }

  tell(repository: Repository, pull: PullRequest | null, what: string): void {
    for (const hook of repository.hooks) {
      const sent = this.#send(repository, hook, pull, what);
      this.#under.add(sent);
      void sent.finally(() => this.#under.delete(sent));
    }
  }

  /** Until everything told so far was answered. */
  async idle(): Promise<void> {
    while (this.#under.size > 0) await Promise.all(this.#under);
  }

  async #send(repository: Repository, hook: Hook, pull: PullRequest | null, what: string): Promise<void> {
    const isGitHub = repository.forge === "github";
    const payload = (isGitHub ? github : gitlab)(this.#origin, repository, pull, what);
    const event = isGitHub ? (GITHUB_EVENTS[what] ?? "pull_request") : "Merge Request Hook";
    const [id, body] = [randomUUID(), JSON.stringify(payload)];
    const headers = { "content-type": "application/json", ...headersOf(repository, hook, event, id, body) };
    const answer = await fetch(hook.url, { method: "POST", headers, body }).catch(() => null);
    await answer?.body?.cancel();
    this.deliveries.push({ url: hook.url, event, id, status: answer?.status ?? null });
  }
}
