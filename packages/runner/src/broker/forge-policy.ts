/** What agents may ask of `gh` and `glab`: reading, and words under their own pull request. */
import {
  ALLOWED,
  commandWords,
  flagValues,
  isOwnRepository,
  MERGES_ITSELF,
  OPENS_ITSELF,
  refuse,
  SHOWS_NO_TOKEN,
} from "./policy.ts";
import type { Verdict } from "./policy.ts";
import type { SessionContext } from "./messages.ts";

interface Rules {
  readonly program: "gh" | "glab";
  /** `command subcommand`, or `command` for all of it. */
  readonly open: ReadonlySet<string>;
  readonly opens: RegExp;
  readonly merges: RegExp;
  readonly tokens: RegExp;
}

const list = (text: string): ReadonlySet<string> => new Set(text.split(",").map((one) => one.trim()));

const GH: Rules = {
  program: "gh",
  open: list(
    `pr view, pr list, pr diff, pr checks, pr status, pr comment, issue view, issue list, issue status, issue comment,
     issue create, run view, run list, run watch, run download, workflow view, workflow list, release view, release list,
     repo view, label list, cache list, ruleset view, ruleset list, ruleset check, auth status, status, api, help, version, completion`,
  ),
  opens: /^pr (create|new|reopen|ready|edit)$/,
  merges:
    /^(pr (merge|close|review|update-branch|lock|revert|checkout)|repo (sync|delete|edit|rename|archive))$/,
  tokens:
    /^(auth (token|login|refresh|setup-git|git-credential|switch|logout)|secret .*|config .*|alias .*|extension .*|ext .*)$/,
};

const GLAB: Rules = {
  program: "glab",
  open: list(
    `mr view, mr show, mr list, mr diff, mr note, mr approvers, mr issues, issue view, issue show, issue list, issue note,
     issue create, ci list, ci view, ci status, ci trace, ci get, pipeline list, pipeline status, pipeline get,
     release view, release list, repo view, label list, auth status, api, help, version, completion`,
  ),
  opens: /^mr (create|new|for|reopen|update)$/,
  merges: /^(mr (merge|accept|close|approve|revoke|rebase|delete|checkout)|repo (delete|transfer|mirror))$/,
  tokens:
    /^(auth (login|logout|git-credential|configure-docker|dpop-gen|docker-helper)|config .*|alias .*|variable .*|token .*)$/,
};

/** The first words that are flags' values and not commands. */
const VALUE_FLAGS = new Set(["-R", "--repo", "--hostname", "-g", "--group"]);

export const judgeGh = (args: readonly string[], own: SessionContext): Verdict => judge(GH, args, own);
export const judgeGlab = (args: readonly string[], own: SessionContext): Verdict => judge(GLAB, args, own);

function judge(rules: Rules, args: readonly string[], own: SessionContext): Verdict {
  const [command = "help", sub = ""] = commandWords(args, VALUE_FLAGS);
  const both = sub === "" ? command : `${command} ${sub}`;
  if (asksForHelp(args)) return ALLOWED;
  if (rules.opens.test(both)) return refuse(OPENS_ITSELF);
  if (rules.merges.test(both)) return refuse(MERGES_ITSELF);
  if (rules.tokens.test(both) || showsToken(args)) return refuse(SHOWS_NO_TOKEN);
  if (!rules.open.has(both) && !rules.open.has(command))
    return refuse(
      `"${rules.program} ${both}" is not open to agents. What reads is: ${[...rules.open].filter((one) => one.includes(" ")).join(", ")}.`,
    );
  const elsewhere = outside(args, own);
  if (elsewhere !== null) return elsewhere;
  return command === "api" ? judgeApi(rules, args, own) : ALLOWED;
}

/** Only words and the flag itself: as another flag's value it would mean something else. */
const asksForHelp = (args: readonly string[]): boolean =>
  args.some((arg) => arg === "--help" || arg === "-h") &&
  args.every((arg) => !arg.startsWith("-") || arg === "--help" || arg === "-h");

/** The expression may stand right behind its flag. */
const jqOf = (arg: string): string => arg.replace(/^-[a-zA-Z]*q=?/, "");

/** `env` is a function of jq; what a process was started with can also be read as a file. */
function showsToken(args: readonly string[]): boolean {
  const hasJq = args.some((arg) => arg === "--jq" || arg.startsWith("--jq=") || /^-[a-zA-Z]*q/.test(arg));
  return (
    args.some(
      (arg) =>
        /^--(show-token|verbose|debug)\b/.test(arg) ||
        arg === "-t=true" ||
        /\/proc\/|\/dev\/fd\//.test(arg) ||
        (hasJq && /\benv\b|\$ENV\b|\$__prog|\binput_filename\b/.test(jqOf(arg))),
    ) ||
    (args.includes("status") && args.includes("auth") && args.includes("-t"))
  );
}

/** Another repository, or another host. */
function outside(args: readonly string[], own: SessionContext): Verdict | null {
  const repositories = flagValues(args, "R", "repo");
  const hosts = flagValues(args, null, "hostname");
  const urls = args.filter((arg) => /^https?:\/\//i.test(arg));
  const isOther =
    [...repositories, ...urls].some((one) => !isOwnRepository(one, own)) ||
    hosts.some((host) => host.toLowerCase() !== own.host) ||
    isOtherView(args, own);
  return isOther
    ? refuse(
        `This session has its own repository only: ${own.repository ?? "none"} on ${own.host ?? "no host"}.`,
      )
    : null;
}

function isOtherView(args: readonly string[], own: SessionContext): boolean {
  const [command, sub, name] = commandWords(args, VALUE_FLAGS);
  return command === "repo" && sub === "view" && name !== undefined && !isOwnRepository(name, own);
}

const READS = /^(GET|HEAD)$/i;

function judgeApi({ program }: Rules, args: readonly string[], own: SessionContext): Verdict {
  const methods = flagValues(args, "X", "method");
  const fields = [...flagValues(args, "f", "raw-field"), ...flagValues(args, "F", "field")];
  const hasInput = args.some((arg) => arg === "--input" || arg.startsWith("--input="));
  const endpoint = commandWords(args, API_VALUE_FLAGS)[1] ?? "";
  if (endpoint === "graphql") return judgeGraphql(fields, hasInput);
  const writes =
    methods.length === 0 ? fields.length > 0 || hasInput : methods.some((one) => !READS.test(one));
  if (writes)
    return refuse(
      `"${program} api" only reads here (with fields: add --method GET). The town opens, reviews and merges; a comment goes by "${program === "gh" ? "gh pr comment" : "glab mr note"}".`,
    );
  return isOwnEndpoint(endpoint, own)
    ? ALLOWED
    : refuse(`"${program} api" reads the session's own repository only: ${own.repository ?? "none"}.`);
}

const API_VALUE_FLAGS = new Set([
  ...VALUE_FLAGS,
  ..."-X --method -f --raw-field -F --field -H --header -q --jq -t --template -p --preview --input --cache".split(
    " ",
  ),
]);

function isOwnEndpoint(endpoint: string, { repository }: SessionContext): boolean {
  const path = (endpoint.replace(/^\/+/, "").split(/[?#]/)[0] ?? "").toLowerCase();
  if (
    /^(rate_limit|user|version|projects\/:(id|fullpath|repo)(\/.*)?|repos\/\{owner\}\/\{repo\}(\/.*)?)$/.test(
      path,
    )
  )
    return true;
  if (repository === null || /(^|\/)\.\.?(\/|$)|%2e/.test(path)) return false;
  const own = repository.toLowerCase();
  return [`repos/${own}`, `projects/${encodeURIComponent(own).toLowerCase()}`].some(
    (base) => path === base || path.startsWith(`${base}/`),
  );
}

/** Reads only; what cannot be seen in the command line counts as a change. */
function judgeGraphql(fields: readonly string[], hasInput: boolean): Verdict {
  const query = fields.find((field) => field.startsWith("query="))?.slice("query=".length);
  const visible = query !== undefined && !query.startsWith("@") && !hasInput;
  const code = (query ?? "").replaceAll(/#[^\n]*/g, "").replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  if (visible && !/\b(mutation|subscription)\b/.test(code)) return ALLOWED;
  return refuse("GraphQL only reads here, with the query in the command line (-f query='query { … }').");
}
