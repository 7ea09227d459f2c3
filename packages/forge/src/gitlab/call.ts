/** One call of GitLab: Gitbeaker's resources over our transport, without its own repeats and limits. */
import {
  Branches,
  Commits,
  Jobs,
  MergeRequestApprovals,
  MergeRequestDiscussions,
  MergeRequestNotes,
  MergeRequests,
  ProjectMembers,
  Projects,
  Repositories,
} from "@gitbeaker/core";
import {
  type BaseResourceOptions,
  createRequesterFn,
  type FormattedResponse,
  type RequesterType,
  type ResourceOptions,
} from "@gitbeaker/requester-utils";
import type { ForgeContext } from "../context.ts";
import { ForgeFailure } from "../failure.ts";
import { notJson } from "../transport/parse.ts";
import { createTransport, type SendRequest } from "../transport/transport.ts";
import type { RepositoryLocation } from "../urls/repository-url.ts";

export interface GitLabCall {
  /** Path of the project with all groups; the resources encode it. */
  readonly project: string;
  readonly branches: Branches;
  readonly commits: Commits;
  readonly jobs: Jobs;
  readonly approvals: MergeRequestApprovals;
  readonly discussions: MergeRequestDiscussions;
  readonly notes: MergeRequestNotes;
  readonly mergeRequests: MergeRequests;
  readonly members: ProjectMembers;
  readonly projects: Projects;
  readonly repositories: Repositories;
  /** A file as it is. Gitbeaker would parse one that is served as JSON, and read a list in it as pages. */
  rawFile(path: string, ref: string): Promise<string>;
  /** Starts a discussion. Gitbeaker writes a place as a form, and loses a path with `&` in it. */
  startDiscussion(iid: number, body: string, position: object | null): Promise<void>;
}

/** `project`: another one at the same host than the forge's own. */
export type OpenCall = (signal: AbortSignal, project?: string) => GitLabCall;

/** All pages, as large as GitLab gives them. */
export const ALL = { perPage: 100 } as const;

async function bodyOf(response: Response): Promise<unknown> {
  if (response.status === 204) return null;
  const text = await response.text();
  if (!(response.headers.get("content-type") ?? "").includes("json")) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw notJson("gitlab");
  }
}

/** Gitbeaker spreads each further page without looking at it. */
function checkPage(query: string, body: unknown): void {
  if (!new URLSearchParams(query).has("page") || Array.isArray(body)) return;
  throw new ForgeFailure({
    kind: "invalid_response",
    provider: "gitlab",
    reason: "schema_mismatch",
    sample_keys: [],
  });
}

function requester(send: SendRequest): (options: ResourceOptions) => RequesterType {
  return createRequesterFn(
    async (_options, request) => request,
    async (endpoint, options = {}) => {
      const { prefixUrl, searchParams, method, headers, body } = options as {
        prefixUrl: string;
        searchParams?: string;
        method: string;
        headers: Record<string, string>;
        body?: string;
      };
      const url = new URL(endpoint, `${prefixUrl.replace(/\/$/, "")}/`);
      url.search = searchParams ?? "";
      const response = await send(url.href, { method, headers, ...(body === undefined ? {} : { body }) });
      const data = await bodyOf(response);
      checkPage(url.search, data);
      return {
        body: data as FormattedResponse["body"],
        headers: Object.fromEntries(response.headers),
        status: response.status,
      };
    },
  );
}

export function gitlabCalls(location: RepositoryLocation, context: ForgeContext): OpenCall {
  const transport = createTransport("gitlab", context);
  return (signal, project = location.project) => {
    const send = transport.sender(signal);
    const options: BaseResourceOptions<false> = {
      host: location.site,
      requesterFn: requester(send),
      rateLimits: {},
      // The transport bounds each request.
      queryTimeout: null,
    };
    const mergeRequests = new MergeRequests(options);
    const ours = `${location.site}/api/v4/projects/${encodeURIComponent(project)}`;
    return {
      project,
      async rawFile(path, ref) {
        const query = new URLSearchParams({ ref }).toString();
        const url = `${ours}/repository/files/${encodeURIComponent(path)}/raw?${query}`;
        return (await send(url)).text();
      },
      async startDiscussion(iid, body, position) {
        const url = `projects/${encodeURIComponent(project)}/merge_requests/${iid}/discussions`;
        const said = position === null ? { body } : { body, position };
        await mergeRequests.requester.post(url, { body: said });
      },
      branches: new Branches(options),
      commits: new Commits(options),
      jobs: new Jobs(options),
      approvals: new MergeRequestApprovals(options),
      discussions: new MergeRequestDiscussions(options),
      notes: new MergeRequestNotes(options),
      mergeRequests,
      members: new ProjectMembers(options),
      projects: new Projects(options),
      repositories: new Repositories(options),
    };
  };
}
