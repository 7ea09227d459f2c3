import { sign } from "@octokit/webhooks-methods";
import { describe, expect, it } from "vitest";
import { equalInConstantTime } from "./equal.ts";
import type { WebhookReading } from "./event.ts";
import { readGitHubWebhook } from "./github.ts";
import { readGitLabWebhook } from "./gitlab.ts";

const SECRET = "rig-secret";
const sha = "c".repeat(40);

async function github(
  event: string,
  payload: unknown,
  more: Record<string, string> = {},
): Promise<WebhookReading> {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  const headers = new Headers({
    "x-github-event": event,
    "x-github-delivery": "d-1",
    "x-hub-signature-256": await sign(SECRET, body),
    ...more,
  });
  return readGitHubWebhook(SECRET, { headers, body });
}

const gitlab = (payload: unknown, more: Record<string, string> = {}): Promise<WebhookReading> =>
  readGitLabWebhook(SECRET, {
    headers: new Headers({
      "x-gitlab-event": "Hook",
      "x-gitlab-event-uuid": "d-2",
      "x-gitlab-token": SECRET,
      ...more,
    }),
    body: typeof payload === "string" ? payload : JSON.stringify(payload),
  });

const pr = { html_url: "https://github.com/acme/tool/pull/7" };
const repository = { html_url: "https://github.com/acme/tool" };
const url = pr.html_url;
const none = { pullRequests: [], headSha: null, branch: null };

describe("GitHub", () => {
  it.each([
    ["pull_request", { action: "synchronize", pull_request: pr }, { ...none, pullRequests: [url] }],
    ["pull_request_review", { pull_request: pr }, { ...none, pullRequests: [url] }],
    ["pull_request_review_thread", { pull_request: pr }, { ...none, pullRequests: [url] }],
    ["issue_comment", { issue: { pull_request: pr } }, { ...none, pullRequests: [url] }],
    [
      "check_run",
      { check_run: { head_sha: sha, pull_requests: [{ number: 7 }] }, repository },
      { ...none, pullRequests: [url], headSha: sha },
    ],
    [
      "check_suite",
      { check_suite: { head_sha: sha, pull_requests: [] }, repository },
      { ...none, headSha: sha },
    ],
    ["status", { sha, state: "success" }, { ...none, headSha: sha }],
    ["push", { ref: "refs/heads/feature/x", after: sha }, { ...none, branch: "feature/x", headSha: sha }],
  ])("%s", async (event, payload, concern) => {
    expect(await github(event, payload)).toEqual({ kind: "concerns", delivery: "d-1", event, ...concern });
  });

  it.each([
    ["issue_comment", { issue: { title: "an issue" } }],
    ["star", { action: "created" }],
    ["pull_request", { pull_request: { html_url: "javascript:alert(1)" } }],
    ["pull_request", "no JSON"],
    ["pull_request", [1]],
  ])("ignores %s %j", async (event, payload) => {
    expect(await github(event, payload)).toEqual({ kind: "ignored", delivery: "d-1", event });
  });

  it("reads what came as a form", async () => {
    const body = new URLSearchParams({ payload: JSON.stringify({ pull_request: pr }) }).toString();
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expect(await github("pull_request", body, form)).toMatchObject({ pullRequests: [url] });
  });

  it.each([
    ["another signature", { "x-hub-signature-256": `sha256=${"0".repeat(64)}` }],
    ["an old kind of signature", { "x-hub-signature-256": `sha1=${"0".repeat(40)}` }],
    ["no hexadecimal", { "x-hub-signature-256": `sha256=${"zz".repeat(32)}` }],
    ["none", { "x-hub-signature-256": "" }],
  ])("refuses %s", async (_name, headers) => {
    expect(await github("pull_request", { pull_request: pr }, headers)).toEqual({ kind: "refused" });
  });

  it("refuses a body that was changed, an empty one, and everything where no secret is set", async () => {
    const body = JSON.stringify({ pull_request: pr });
    const headers = new Headers({
      "x-github-event": "pull_request",
      "x-hub-signature-256": await sign(SECRET, body),
    });
    expect(await readGitHubWebhook(SECRET, { headers, body: `${body} ` })).toEqual({ kind: "refused" });
    expect(await readGitHubWebhook(SECRET, { headers, body: "" })).toEqual({ kind: "refused" });
    expect(await readGitHubWebhook("", { headers, body })).toEqual({ kind: "refused" });
  });
});

describe("GitLab", () => {
  const mr = "https://gitlab.com/a/b/tool/-/merge_requests/3";
  const project = { web_url: "https://gitlab.com/a/b/tool" };

  it.each([
    [
      { object_kind: "merge_request", object_attributes: { url: mr }, project },
      { ...none, pullRequests: [mr] },
    ],
    [
      { object_kind: "note", object_attributes: { noteable_type: "MergeRequest", url: `${mr}#note_1` } },
      { ...none, pullRequests: [mr] },
    ],
    [
      { object_kind: "pipeline", object_attributes: { sha }, merge_request: { iid: 3 }, project },
      { ...none, pullRequests: [mr], headSha: sha },
    ],
    [
      { object_kind: "build", sha },
      { ...none, headSha: sha },
    ],
    [
      { object_kind: "push", ref: "refs/heads/main", after: sha },
      { ...none, branch: "main", headSha: sha },
    ],
  ])("%j", async (payload, concern) => {
    expect(await gitlab(payload)).toEqual({ kind: "concerns", delivery: "d-2", event: "Hook", ...concern });
  });

  it("ignores what is not about a merge request", async () => {
    const ignored = { kind: "ignored", delivery: "d-2", event: "Hook" };
    for (const payload of [
      { object_kind: "wiki_page" },
      { object_kind: "tag_push", ref: "refs/tags/v1" },
      "x",
      [],
    ])
      expect(await gitlab(payload)).toEqual(ignored);
    const note = { object_kind: "note", object_attributes: { noteable_type: "Issue", url: mr } };
    expect(await gitlab(note)).toEqual(ignored);
  });

  it("refuses a wrong token, none, and everything where no secret is set", async () => {
    const payload = { object_kind: "merge_request", object_attributes: { url: mr } };
    for (const token of ["", "rig", "rig-secret2", "RIG-SECRET"])
      expect(await gitlab(payload, { "x-gitlab-token": token })).toEqual({ kind: "refused" });
    expect(await readGitLabWebhook("", { headers: new Headers(), body: "{}" })).toEqual({ kind: "refused" });
  });

  it("prefers the id that stays the same when it is sent again", async () => {
    const payload = { object_kind: "merge_request", object_attributes: { url: mr } };
    expect(await gitlab(payload, { "idempotency-key": "k-1" })).toMatchObject({ delivery: "k-1" });
  });
});

it("compares texts of any length", async () => {
  expect(await equalInConstantTime("", "")).toBe(true);
  expect(await equalInConstantTime("hidden ü", "hidden ü")).toBe(true);
  expect(await equalInConstantTime("a", "b")).toBe(false);
  expect(await equalInConstantTime("a", "aa")).toBe(false);
});
