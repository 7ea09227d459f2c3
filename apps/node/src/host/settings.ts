import { readFileSync } from "node:fs";
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import { errorCode, unusable, type DataDir } from "./data-dir.ts";

const list = z.array(z.string().min(1).max(255)).max(50);

/** `server.json`: a host's own settings (spec/api.md §1.10). Those that are here are honoured. */
const settingsFile = z.strictObject({
  /** `address:port`; port 0 takes a free one. */
  listen: z.string().optional(),
  /** Where browsers reach this host, when that is not the listening address. */
  public_url: z.url().optional(),
  allowed_hosts: list.optional(),
  /** A GitHub Enterprise Server in place of github.com. */
  github_url: z.url({ protocol: /^https?$/ }).optional(),
  development: z.boolean().optional(),
  log_level: z.enum(["debug", "info", "warn", "error"]).optional(),
  log_format: z.enum(["json", "pretty"]).optional(),
  /** How many runners may live at once on this machine, over all towns. */
  max_instances: z.int().min(1).max(1_000).optional(),
  /** The agent runtime of towns that name none. */
  runtime: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,40}$/)
    .optional(),
});
type SettingsFile = z.infer<typeof settingsFile>;

export interface HostSettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  /** Where it is not github.com. */
  readonly githubUrl: string | undefined;
  readonly development: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "json" | "pretty";
  readonly runtime: string | undefined;
  readonly maxInstances: number;
}

/** What flags of `gastown up` may set; they win over the environment, which wins over the file. */
export type SettingFlags = Partial<SettingsFile>;

/** Throws `validation_failed` that names the setting, where it came from, and what it may be. */
export function loadSettings(
  dir: DataDir,
  env: NodeJS.ProcessEnv,
  flags: SettingFlags,
  terminal: boolean,
): HostSettings {
  const merged = {
    ...parsed(readFile(dir), dir.settings),
    ...parsed(fromEnv(env), "the environment (GASTOWN_…)"),
    ...parsed(flags, "the command line"),
  };
  return {
    listen: parseListen(merged.listen ?? "127.0.0.1:4780"),
    publicUrl: merged.public_url?.replace(/\/+$/, ""),
    allowedHosts: merged.allowed_hosts ?? [],
    githubUrl: merged.github_url,
    development: merged.development ?? false,
    logLevel: merged.log_level ?? "info",
    logFormat: merged.log_format ?? (terminal ? "pretty" : "json"),
    runtime: merged.runtime,
    maxInstances: merged.max_instances ?? 8,
  };
}

function readFile(dir: DataDir): unknown {
  try {
    return JSON.parse(readFileSync(dir.settings, "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return {};
    if (!(error instanceof SyntaxError)) throw unusable(dir.root, error);
    throw new GastownError(
      "validation_failed",
      `${dir.settings} is not readable as JSON. Correct it, or delete it to go back to the defaults.`,
    );
  }
}

function parsed(values: unknown, origin: string): SettingsFile {
  const result = settingsFile.safeParse(values);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "" : ` "${issue.path.join(".")}"`;
  throw new GastownError(
    "validation_failed",
    `The server setting${where} from ${origin} is not valid: ${issue?.message ?? "unknown"}.`,
  );
}

function fromEnv(env: NodeJS.ProcessEnv): unknown {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(settingsFile.shape)) {
    const text = env[`GASTOWN_${key.toUpperCase()}`];
    if (text === undefined || text === "") continue;
    if (key === "development") values[key] = /^(1|true|yes|on)$/i.test(text);
    else if (key === "max_instances") values[key] = Number(text);
    else if (key === "allowed_hosts") values[key] = text.split(",").map((host) => host.trim());
    else values[key] = text;
  }
  return values;
}

/** `127.0.0.1:4780`, `[::1]:0`, `:4780`, `4780`. */
function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:(\[[0-9a-f:]+\]|[^:[\]\s]*):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    throw new GastownError(
      "validation_failed",
      `"${text}" is not an address to listen on. Write it as 127.0.0.1:4780; port 0 takes a free one.`,
    );
  return { host: (match[1] || "127.0.0.1").replace(/^\[|\]$/g, ""), port };
}

/** Whether only this machine can reach that address. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127(\.\d{1,3}){3}$/.test(host) || host === "localhost";
}
