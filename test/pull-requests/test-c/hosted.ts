/** A repository on a real forge: what it shows, and how what a run made there is taken away again. */
import { z } from "zod";
import { git } from "../../../apps/node/src/demo/git.ts";
import type { SeenPull, Witness } from "../witness.ts";

export interface HostedRepository {
  readonly forge: "github" | "gitlab";
  readonly cloneUrl: string;
  readonly token: string;
}

const githubPulls = z.array(
  z.object({
    number: z.int(),
    state: z.enum(["open", "closed"]),
    merged_at: z.string().nullable(),
    head: z.object({ ref: z.string(), sha: z.string() }),
    base: z.object({ ref: z.string() }),
  }),
);
const gitlabMergeRequests = z.array(
  z.object({
    iid: z.int(),
    state: z.string(),
    sha: z.string(),
    source_branch: z.string(),
    target_branch: z.string(),
  }),
);

export class HostedWitness implements Witness {
  readonly #at: HostedRepository;
  /** A bare repository of this run's own. */
  readonly #dir: string;
  readonly #isOurs: (branch: string) => boolean;

  constructor(at: HostedRepository, dir: string, isOurs: (branch: string) => boolean) {
    this.#at = at;
    this.#dir = dir;
    this.#isOurs = isOurs;
  }

  async pulls(): Promise<readonly SeenPull[]> {
    const all = this.#at.forge === "github" ? await this.#githubPulls() : await this.#gitlabPulls();
    return all.filter(({ base }) => this.#isOurs(base)).toSorted((a, b) => a.number - b.number);
  }

  async history(branch: string): Promise<readonly string[]> {
    await this.git("fetch", "--quiet", "--force", this.#at.cloneUrl, `refs/heads/${branch}:refs/seen`);
    return (await git(["rev-list", "refs/seen"], { cwd: this.#dir })).split("\n");
  }

  /** Makes a branch at the head of the default branch. */
  async begin(branch: string): Promise<void> {
    await git(["init", "--quiet", "--bare", this.#dir]);
    await this.git("fetch", "--quiet", this.#at.cloneUrl, "HEAD:refs/begin");
    await this.git("push", "--quiet", this.#at.cloneUrl, `refs/begin:refs/heads/${branch}`);
  }

  /** Closes what is open and deletes every branch of this run; what it did. */
  async cleanUp(): Promise<string[]> {
    const open = (await this.pulls()).filter(({ state }) => state === "open");
    for (const { number } of open) await this.#close(number);
    const heads = await this.git("ls-remote", "--heads", this.#at.cloneUrl);
    const branches = heads
      .split("\n")
      .map((line) => line.split("refs/heads/")[1] ?? "")
      .filter((branch) => this.#isOurs(branch));
    if (branches.length > 0) await this.git("push", "--quiet", this.#at.cloneUrl, "--delete", ...branches);
    return [...open.map(({ number }) => `closed ${number}`), ...branches.map((name) => `deleted ${name}`)];
  }

  /** With the token, which no argument shows. */
  git(...args: string[]): Promise<string> {
    const { forge, cloneUrl, token } = this.#at;
    const user = forge === "github" ? "x-access-token" : "oauth2";
    return git(args, {
      cwd: this.#dir,
      env: {
        GIT_TERMINAL_PROMPT: "0",
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: `http.${new URL(cloneUrl).origin}/.extraHeader`,
        GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`,
      },
    });
  }

  async #githubPulls(): Promise<SeenPull[]> {
    const list = githubPulls.parse(
      await this.#call("GET", "pulls?state=all&sort=created&direction=desc&per_page=100"),
    );
    return list.map(({ number, state, merged_at, head, base }) => ({
      number,
      branch: head.ref,
      base: base.ref,
      headSha: head.sha,
      state: merged_at === null ? state : "merged",
    }));
  }

  async #gitlabPulls(): Promise<SeenPull[]> {
    const path = "merge_requests?state=all&order_by=created_at&per_page=100";
    const list = gitlabMergeRequests.parse(await this.#call("GET", path));
    return list.map(({ iid, state, sha, source_branch, target_branch }) => ({
      number: iid,
      branch: source_branch,
      base: target_branch,
      headSha: sha,
      state: state === "merged" ? "merged" : state === "closed" ? "closed" : "open",
    }));
  }

  async #close(number: number): Promise<void> {
    if (this.#at.forge === "github") await this.#call("PATCH", `pulls/${number}`, { state: "closed" });
    else await this.#call("PUT", `merge_requests/${number}`, { state_event: "close" });
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const { forge, cloneUrl, token } = this.#at;
    const { origin, host, pathname } = new URL(cloneUrl);
    const project = pathname.replace(/^\/|\.git$/g, "");
    const api =
      forge === "gitlab"
        ? `${origin}/api/v4/projects/${encodeURIComponent(project)}`
        : `${host === "github.com" ? "https://api.github.com" : `${origin}/api/v3`}/repos/${project}`;
    const answer = await fetch(`${api}/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${api}/${path} was answered with ${answer.status}`);
    return answer.json();
  }
}
