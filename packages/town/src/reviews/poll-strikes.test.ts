/** Every row of the table of spec/review.md §4.1 at its boundary, on the pure function. */
import type { ForgeError } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { pollFailed, pollSucceeded, type PollCounters, type Strike } from "./poll-strikes.ts";

const FRESH: PollCounters = pollSucceeded();
const http = (status: number | null, more: Partial<Extract<ForgeError, { kind: "http_error" }>> = {}) =>
  ({
    kind: "http_error",
    provider: "github",
    status,
    status_text: "",
    transient: true,
    ...more,
  }) satisfies ForgeError;
const invalid = {
  kind: "invalid_response",
  provider: "github",
  reason: "schema_mismatch",
  sample_keys: ["id", "sha"],
} satisfies ForgeError;

/** Counts a sequence; `null` is a success. */
function run(sequence: (ForgeError | null)[], from: PollCounters = FRESH): Strike | null {
  let counters = from;
  let last: Strike | null = null;
  for (const error of sequence) {
    last = error === null ? null : pollFailed(counters, error, "github");
    counters = last?.counters ?? pollSucceeded();
    if (last?.spent) return last;
  }
  return last;
}
const times = (n: number, error: ForgeError): ForgeError[] => Array.from({ length: n }, () => error);

describe("budgets", () => {
  it.each([
    ["500", http(500)],
    ["503", http(503)],
    ["429", http(429)],
    ["403 with a rate limit", http(403)],
    ["no answer", http(null)],
  ])("bears 9 and not 10 of %s", (_name, error) => {
    expect(run(times(9, error))).toMatchObject({ spent: false, strikes: 9 });
    expect(run(times(10, error))).toMatchObject({ spent: true, strikes: 10 });
  });

  it("bears 2 and not 3 answers that are not understood", () => {
    expect(run(times(2, invalid))).toMatchObject({ spent: false, strikes: 2 });
    expect(run(times(3, invalid))).toMatchObject({ spent: true, strikes: 3 });
    expect(run(times(3, { ...invalid, reason: "json_parse" }))?.spent).toBe(true);
  });

  it.each<[string, ForgeError]>([
    ["no token", { kind: "no_token", provider: "github", tried: [] }],
    ["an address that is none", { kind: "unrecognized_url", url: "x" }],
    ["another host", { kind: "host_mismatch", expected: "a", got: "b" }],
    ["400", http(400, { transient: false })],
    ["401", http(401, { transient: false })],
    ["403 without a limit", http(403, { transient: false })],
    ["404", http(404, { transient: false })],
    ["410", http(410, { transient: false })],
    ["422", http(422, { transient: false })],
  ])("is over at once with %s", (_name, error) => {
    expect(run([error])).toMatchObject({ spent: true, strikes: 1 });
    expect(run([...times(9, http(500)), error])?.spent).toBe(true);
  });
});

describe("sequences", () => {
  it("each sort resets the other's counter", () => {
    expect(run([...times(9, http(500)), invalid])?.counters).toMatchObject({ transient: 0, nonTransient: 1 });
    expect(run([invalid, invalid, http(500)])?.counters).toMatchObject({ transient: 1, nonTransient: 0 });
    expect(run([...times(9, http(500)), invalid, ...times(9, http(500))])?.spent).toBe(false);
    expect(run([invalid, invalid, http(500), invalid, invalid])?.spent).toBe(false);
  });

  it("a success in between begins anew", () => {
    expect(run([...times(9, http(500)), null, ...times(9, http(500))])?.spent).toBe(false);
    expect(run([invalid, invalid, null, invalid, invalid])?.spent).toBe(false);
    expect(pollSucceeded()).toEqual({ transient: 0, nonTransient: 0, legacy: null, errorKind: null });
  });

  it("being offline moves no counter and is never the last straw", () => {
    const offline = http(null, { offline: true });
    const before = run(times(9, http(500)))?.counters ?? FRESH;
    const after = run(times(50, offline), before);
    expect(after).toMatchObject({ spent: false, strikes: 0 });
    expect(after?.counters).toEqual({ ...before, errorKind: "http_error" });
  });
});

describe("an older version's counter", () => {
  it("seeds the transient one, once", () => {
    const old = { ...FRESH, legacy: 8 };
    expect(run(times(1, http(500)), old)).toMatchObject({ spent: false, strikes: 9 });
    expect(run(times(2, http(500)), old)).toMatchObject({ spent: true, strikes: 10 });
    expect(pollFailed(old, http(500), "github").counters.legacy).toBeNull();
  });

  it("is forgotten by a success and by an error of the other sort", () => {
    expect(run([null, http(500)], { ...FRESH, legacy: 9 })?.strikes).toBe(1);
    expect(run([invalid, http(500)], { ...FRESH, legacy: 9 })?.strikes).toBe(1);
  });

  it("counts as none where there is none", () => {
    expect(run(times(9, http(500)), { ...FRESH, legacy: 0 })?.spent).toBe(false);
  });

  it("is kept while the machine is offline", () => {
    expect(run([http(null, { offline: true }), http(500)], { ...FRESH, legacy: 9 })?.spent).toBe(true);
  });
});

describe("what a strike carries", () => {
  it("the wait that the forge asked for, provider and status", () => {
    const strike = run([http(429, { retry_after_ms: 90_000, provider: "gitlab" })]);
    expect(strike).toMatchObject({ retryAfterMs: 90_000, provider: "gitlab", status: 429 });
    expect(run([http(500)])?.retryAfterMs).toBeNull();
  });
});

describe("messages", () => {
  const say = (error: ForgeError, provider: "github" | "gitlab" = "github"): string =>
    pollFailed(FRESH, error, provider).message;

  it("list every source of a token in order and say that agents' logins do not help", () => {
    const message = say({
      kind: "no_token",
      provider: "github",
      tried: ["github_cli_pat", "town integration"],
    });
    expect(message).toContain("github_cli_pat; town integration");
    expect(message).toContain("Agents' own logins do not help");
  });

  it.each([
    [401, "github", /invalid or has expired.*GitHub token/],
    [401, "gitlab", /invalid or has expired.*GitLab token/],
    [403, "github", /read pull requests.*rate limit/],
    [403, "gitlab", /read_api/],
    [404, "github", /pull request was not found, or the token has no access.*may be gone/],
    [404, "gitlab", /merge request was not found/],
    [422, "gitlab", /GitLab answered 422/],
  ] as const)("say what to do about %i of %s", (status, provider, expected) => {
    expect(say(http(status, { transient: false, provider }))).toMatch(expected);
  });

  it("never speak of GitHub where GitLab failed", () => {
    const errors: ForgeError[] = [
      { kind: "no_token", provider: "gitlab", tried: [] },
      { kind: "unrecognized_url", url: "https://x" },
      { kind: "host_mismatch", expected: "gitlab.com", got: "git.example" },
      ...[401, 403, 404, 500, 429].map((status) =>
        http(status, { provider: "gitlab", transient: status >= 429 }),
      ),
      { ...invalid, provider: "gitlab" },
    ];
    for (const error of errors) expect(say(error, "gitlab")).not.toMatch(/github|pull request/i);
  });

  it("show both hosts, and that nothing was sent", () => {
    expect(say({ kind: "host_mismatch", expected: "gitlab.com", got: "evil.example" })).toMatch(
      /evil\.example.*gitlab\.com.*not sent/,
    );
  });

  it("ask for a report with the keys that were seen", () => {
    expect(say(invalid)).toMatch(/report.*id, sha/);
  });

  it("never show a password that is in an address", () => {
    expect(say({ kind: "unrecognized_url", url: "https://me:secret@host/x" })).not.toContain("secret");
  });
});
