/** What a simulated forge knows. GitHub's and GitLab's routes are two views of this. */
import type { Serial } from "./serial.ts";

export type Access = "read" | "write" | "admin";
export type Method = "merge" | "squash" | "rebase";

export interface User {
  readonly id: number;
  readonly login: string;
  readonly kind: "person" | "bot";
}

export interface Token {
  readonly token: string;
  readonly user: User;
  /** By the simulator's clock; null: never. */
  expiresAt: number | null;
  /** Of an installation: the only repositories that it may touch. */
  readonly repositories: readonly number[] | null;
  /** Requests left in this window; null: not counted. */
  limit: { perWindow: number; left: number; resetsAt: number } | null;
}

export interface Note {
  readonly id: number;
  readonly author: User;
  body: string;
  readonly at: number;
}

export interface Thread {
  readonly id: string;
  readonly path: string | null;
  readonly line: number | null;
  /** The head on which it was opened. */
  readonly sha: string;
  readonly reviewId: number | null;
  resolved: boolean;
  outdated: boolean;
  readonly notes: Note[];
}

export interface Review extends Note {
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED";
  readonly sha: string;
}

export interface Check {
  readonly id: number;
  readonly name: string;
  /** GitHub: a check run or a commit status. GitLab: a job. Any text, so that unknown values can be tried. */
  readonly kind: "run" | "status";
  status: string;
  conclusion: string | null;
  readonly summary: string | null;
  readonly log: string | null;
  readonly allowFailure: boolean;
}

export interface Protection {
  readonly requiredApprovals: number;
  /** A push takes earlier approvals away. */
  readonly dismissStale: boolean;
  readonly requiredChecks: readonly string[];
  /** The branch must contain its target's head. */
  readonly upToDate: boolean;
  /** Nobody pushes it directly. */
  readonly rejectPushes: boolean;
}

export interface PullRequest {
  readonly id: number;
  readonly number: number;
  readonly from: { readonly repository: Repository; readonly branch: string };
  readonly base: string;
  readonly author: User;
  title: string;
  body: string;
  draft: boolean;
  state: "open" | "closed" | "merged";
  headSha: string;
  mergeCommit: string | null;
  mergedBy: User | null;
  mergedAt: number | null;
  readonly createdAt: number;
  updatedAt: number;
  readonly reviews: Review[];
  readonly threads: Thread[];
  readonly notes: Note[];
  /** Said in place of what is true, to try what a client makes of it. */
  saysMergeable: string | null;
}

export interface Hook {
  readonly url: string;
  readonly secret: string;
}

export interface Repository {
  readonly id: number;
  readonly forge: "github" | "gitlab";
  /** `owner/name`; on GitLab with all groups. */
  readonly path: string;
  readonly dir: string;
  readonly isPrivate: boolean;
  readonly members: Map<string, Access>;
  readonly protection: Map<string, Protection>;
  readonly checks: Map<string, Check[]>;
  readonly pulls: PullRequest[];
  readonly hooks: Hook[];
  /** What a program reports of every head that a pull request gets, at once; null: there is none. */
  program: ((headSha: string) => void) | null;
  readonly serial: Serial;
  defaultBranch: string;
  methods: readonly Method[];
  queueRequired: boolean;
}
