/**
 * Credentials of a town and of a rig (spec/town.md §7, spec/api.md §2.9). They are settings, but none
 * of them is ever stored or shown with the others: each is sealed by itself, and a reader sees `****`.
 */
import { z } from "zod";
import { secretText, text } from "./text.ts";

/** Ids of a GitHub App or of its installation: digits, or an app's client id. */
const id = z.union([z.int().min(1), text(1, 100)]);

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** A forge's own address: https, or http on this machine; never with a user in it. */
const forgeUrl = z
  .union([z.url({ protocol: /^https$/ }), z.url({ protocol: /^http$/, hostname: LOOPBACK })])
  .refine((url) => url.length <= 500 && !url.includes("@"), "must be an https url without a user");

export const townCredentials = z.strictObject({
  github_cli_pat: secretText.optional(),
  github_app: z
    .strictObject({ id: id.optional(), installation: id.optional(), key: secretText.optional() })
    .optional(),
  github_token: secretText.optional(),
  gitlab_token: secretText.optional(),
  gitlab_url: forgeUrl.optional(),
});
export type TownCredentials = z.infer<typeof townCredentials>;

export const rigCredentials = z.strictObject({
  /** The town's app in another account. */
  github_app: z.strictObject({ installation: id.optional() }).optional(),
  /** For a host that is neither GitHub nor GitLab; they count for the host of the rig's url only. */
  git_username: text(1, 200).optional(),
  git_password: secretText.optional(),
  /** What the rig's forge signs its webhooks with; without it none is believed. */
  webhook_secret: secretText.optional(),
});
export type RigCredentials = z.infer<typeof rigCredentials>;

/** Variables in which forges' own tools look for a token; none of them ever reaches an agent. */
export const FORGE_TOKEN_VARIABLE = /^(GH|GITHUB|GITLAB|GLAB)_(ENTERPRISE_)?(ACCESS_)?(TOKEN|PAT)$/i;

/** Dotted names of all credentials, by level. */
export const TOWN_CREDENTIAL_KEYS = [
  "github_cli_pat",
  "github_app.id",
  "github_app.installation",
  "github_app.key",
  "github_token",
  "gitlab_token",
  "gitlab_url",
] as const;
export const RIG_CREDENTIAL_KEYS = [
  "github_app.installation",
  "git_username",
  "git_password",
  "webhook_secret",
] as const;

export type TownCredentialKey = (typeof TOWN_CREDENTIAL_KEYS)[number];
export type RigCredentialKey = (typeof RIG_CREDENTIAL_KEYS)[number];
export type CredentialKey = TownCredentialKey | RigCredentialKey;

/** Names rather than secrets: a reader sees them as they are. */
export const SHOWN_CREDENTIALS: ReadonlySet<string> = new Set<CredentialKey>(["gitlab_url", "git_username"]);

/** One change of a credential, ready to be stored; `sealed` null: it is taken away. */
export interface SecretChange {
  readonly key: CredentialKey;
  readonly sealed: string | null;
  /** What readers see of it. */
  readonly masked: string;
}

/** `POST T/runner/git-token` (spec/api.md §3.16). Without a session it is the runner's own git. */
export const gitTokenPurpose = z.enum(["fetch", "push", "api"]);
export type GitTokenPurpose = z.infer<typeof gitTokenPurpose>;

export const gitTokenRequest = z.strictObject({
  session_id: text(1, 80).optional(),
  epoch: z.int().min(1).optional(),
  /** Null: a url that is no rig yet and is only tried; for the runner itself. */
  rig_id: text(1, 80).nullable(),
  /** With its port where the url has one. */
  host: text(1, 300),
  purpose: gitTokenPurpose,
});
export type GitTokenRequest = z.infer<typeof gitTokenRequest>;

export const gitTokenAnswer = z.strictObject({
  /** Empty: whatever the host's git says. */
  username: z.string(),
  /** Null: the town stores nothing for this forge, so what the host's git is configured with counts. */
  token: z.string().nullable(),
  expires_at: z.string().optional(),
  /** Where it came from, e.g. `github_cli_pat`, `town integration`; never the token. */
  source: z.string(),
  forge: z.enum(["github", "gitlab", "git"]),
});
export type GitTokenAnswer = z.infer<typeof gitTokenAnswer>;
