/** One call of GitHub: Octokit over our transport, with its own repeats and its own log off. */
import { Octokit } from "@octokit/core";
import { z } from "zod";
import type { ForgeContext } from "../context.ts";
import { failureOf, ForgeFailure } from "../failure.ts";
import { parsed } from "../transport/parse.ts";
import { createTransport } from "../transport/transport.ts";
import type { RepositoryLocation } from "../urls/repository-url.ts";
import { QUERIES, type QueryName } from "./queries.ts";

export interface GitHubCall {
  readonly octokit: Octokit;
  readonly at: { readonly owner: string; readonly repo: string };
  /** An answer with `errors` has failed, however much it holds. */
  graphql<T>(schema: z.ZodType<T>, name: QueryName, variables: Record<string, unknown>): Promise<T>;
}

/** `project`: another repository at the same host than the forge's own. */
export type OpenCall = (signal: AbortSignal, project?: string) => GitHubCall;

/** What the schemas of this folder were written for. */
const API_VERSION = "2022-11-28";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** github.com, its data-residency hosts, or a server of one's own. */
export function apiUrlOf(site: string): string {
  const { host } = new URL(site);
  if (host === "github.com" || host === "www.github.com") return "https://api.github.com";
  return host.endsWith(".ghe.com") ? `https://api.${host}` : `${site}/api/v3`;
}

const graphqlUrlOf = (apiUrl: string): string =>
  apiUrl.endsWith("/api/v3") ? apiUrl.replace(/v3$/, "graphql") : `${apiUrl}/graphql`;

const graphqlAnswer = z.object({
  data: z.unknown().optional(),
  errors: z.array(z.object({ type: z.string().optional() })).optional(),
});

/** What the type of a GraphQL error would have been as a status. Without one it is a failure of GitHub's. */
const STATUS_OF = new Map([
  ["NOT_FOUND", 404],
  ["FORBIDDEN", 403],
  ["UNPROCESSABLE", 422],
  ["RATE_LIMITED", 429],
]);

function graphqlFailure(
  type: string | undefined,
  headers: Record<string, unknown>,
  now: number,
): ForgeFailure {
  const status = STATUS_OF.get(type ?? "") ?? 502;
  const reset = Number(headers["x-ratelimit-reset"]) * 1000 - now;
  return new ForgeFailure({
    kind: "http_error",
    provider: "github",
    status,
    status_text: `GraphQL ${type !== undefined && /^[A-Z_]{1,40}$/.test(type) ? type : "error"}`,
    transient: status === 429 || status >= 500,
    ...(status === 429 && reset > 0 ? { retry_after_ms: Math.round(reset) } : {}),
  });
}

export function githubCalls(location: RepositoryLocation, context: ForgeContext, apiUrl: string): OpenCall {
  const transport = createTransport("github", context);
  return (signal, project = location.project) => {
    const octokit = new Octokit({
      baseUrl: apiUrl,
      userAgent: "gastown",
      log: silent,
      request: { fetch: transport.sender(signal) },
    });
    octokit.hook.before("request", (request) => {
      request.headers["x-github-api-version"] = API_VERSION;
    });
    // Octokit wraps what its fetch throws; outside of here there are only our own failures.
    octokit.hook.wrap("request", async (request, options) => {
      try {
        return await request(options);
      } catch (thrown) {
        signal.throwIfAborted();
        throw failureOf(thrown) ?? thrown;
      }
    });
    const [owner = "", repo = ""] = project.split("/");
    return {
      octokit,
      at: { owner, repo },
      async graphql(schema, name, variables) {
        const query = QUERIES[name];
        const url = graphqlUrlOf(apiUrl);
        const response = await octokit.request({ method: "POST", url, query, variables });
        const body = parsed("github", graphqlAnswer, response.data);
        if (body.errors !== undefined)
          throw graphqlFailure(body.errors[0]?.type, response.headers, (context.now ?? Date.now)());
        return parsed("github", schema, body.data);
      },
    };
  };
}

/** All pages of a list; each is parsed before the next is asked for. */
export async function allPages<T>(
  schema: z.ZodType<T>,
  get: (page: number) => Promise<{ data: unknown; headers: { link?: string | undefined } }>,
): Promise<T[]> {
  const pages: T[] = [];
  for (let page = 1; ; page += 1) {
    const { data, headers } = await get(page);
    pages.push(parsed("github", schema, data));
    if (!/\brel="?next"?/.test(headers.link ?? "")) return pages;
  }
}
