/** Every row of the table of failed polls at its exact boundary, through the engine (spec/review.md §4.1). */
import { withSql } from "#host";
import type { ForgeError } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { forgeHarness, http, type ForgeHarness } from "./memory-forge.ts";

const MINUTE = 60_000;

/** Given a bead whose work is pushed and whose pull request is open. */
function opened(h: ForgeHarness): string {
  const bead = h.town.sling(h.rig, { title: "Add x", body: "make x" }, { held: false }, PERSON);
  h.settle();
  return bead.id;
}
const escalations = (h: ForgeHarness): string[] =>
  h.town.escalations({ open: true }).map((one) => one.category);

describe("polling that fails", () => {
  const watched = (sql: Parameters<typeof forgeHarness>[0]): { h: ForgeHarness; bead: string } => {
    const h = forgeHarness(sql, { auto_merge: false });
    return { h, bead: opened(h) };
  };
  const strikes = (h: ForgeHarness, bead: string) =>
    h.sql.get<{ t: number; n: number; l: number | null; k: string | null }>(
      `select poll_transient_count as t, poll_non_transient_count as n, poll_null_count as l, poll_error_kind as k
       from merge_requests where bead_id = ?`,
      h.town.merge(bead).id,
    );
  const invalid = {
    kind: "invalid_response",
    provider: "github",
    reason: "schema_mismatch",
    sample_keys: ["a"],
  } satisfies ForgeError;

  it.each([
    ["500", http(500)],
    ["503", http(503)],
    ["429", http(429)],
    ["403 with a rate limit", http(403, { transient: true })],
    ["no answer", http(null)],
    ["no answer in time", http(null, { status_text: "timeout" })],
  ])("bears 9 and not 10 of %s in a row", (_name, error) =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = error;
      h.advance(9 * MINUTE);
      expect(strikes(h, bead)).toMatchObject({ t: 9, n: 0, k: "http_error" });
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "poll_backoff" } });
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "pr_poll_failed" } });
    }),
  );

  it.each(["json_parse", "schema_mismatch"] as const)(
    "bears 2 and not 3 answers that are not understood (%s)",
    (reason) =>
      withSql((sql) => {
        const { h, bead } = watched(sql);
        h.forge.error = { ...invalid, reason };
        h.advance(2 * MINUTE);
        expect(strikes(h, bead)).toMatchObject({ t: 0, n: 2, k: "invalid_response" });
        expect(h.town.merge(bead).state).toBe("approved");
        h.advance(MINUTE);
        expect(h.town.merge(bead)).toMatchObject({
          state: "failed",
          failure: {
            kind: "pr_poll_failed",
            message: expect.stringMatching(/report.*keys that were there: a/),
          },
        });
      }),
  );

  it.each<[string, ForgeError]>([
    ["no token", { kind: "no_token", provider: "github", tried: ["github_cli_pat"] }],
    ["an address that is none", { kind: "unrecognized_url", url: "https://x" }],
    ["another host", { kind: "host_mismatch", expected: "gitlab.com", got: "x" }],
    ["400", http(400)],
    ["401", http(401)],
    ["403 without a rate limit", http(403)],
    ["404", http(404)],
    ["410", http(410)],
    ["422", http(422)],
  ])("is over at the first %s", (_name, error) =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = error;
      h.advance(MINUTE - 1);
      expect(h.town.merge(bead).state).toBe("approved");
      h.advance(1);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "pr_poll_failed" } });
      expect(strikes(h, bead)).toMatchObject({ t: 0, n: 1, k: error.kind });
    }),
  );

  it("counts each sort apart, and begins anew after a success", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      const minutes = (n: number, error: typeof h.forge.error): void => {
        h.forge.error = error;
        h.advance(n * MINUTE);
      };
      minutes(9, http(500));
      minutes(2, invalid);
      expect(strikes(h, bead)).toMatchObject({ t: 0, n: 2 });
      minutes(9, http(503));
      expect(strikes(h, bead)).toMatchObject({ t: 9, n: 0 });
      minutes(1, null);
      expect(strikes(h, bead)).toEqual({ t: 0, n: 0, l: null, k: null });
      minutes(9, http(500));
      expect(h.town.merge(bead).state).toBe("approved");
      minutes(1, http(500));
      expect(h.town.merge(bead).state).toBe("failed");
    }));

  it("bears two of one sort between two of the other, and one more is too many", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      const polls = (...errors: ForgeError[]): void => {
        for (const error of errors) {
          h.forge.error = error;
          h.advance(MINUTE);
        }
      };
      polls(invalid, invalid, http(500), invalid, invalid);
      expect(strikes(h, bead)).toMatchObject({ t: 0, n: 2 });
      expect(h.town.merge(bead).state).toBe("approved");
      polls(invalid);
      expect(h.town.merge(bead).state).toBe("failed");
    }));

  it("is over with the first of the other sort after nine of this", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = http(502);
      h.advance(9 * MINUTE);
      h.forge.error = http(404);
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("failed");
      expect(strikes(h, bead)).toMatchObject({ t: 0, n: 1 });
    }));

  it("begins anew after a success between two answers that are not understood", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      for (const error of [invalid, invalid, null, invalid, invalid]) {
        h.forge.error = error;
        h.advance(MINUTE);
      }
      expect(strikes(h, bead)).toMatchObject({ n: 2 });
      expect(h.town.merge(bead).state).toBe("approved");
    }));

  it.each<[string, ForgeError | null, object]>([
    ["a success", null, { t: 1, n: 0, l: null }],
    ["an error of the other sort", invalid, { t: 1, n: 0, l: null }],
  ])("forgets an older version's counter after %s", (_name, first, expected) =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      sql.run("update merge_requests set poll_null_count = 9");
      h.forge.error = first;
      h.advance(MINUTE);
      h.forge.error = http(500);
      h.advance(MINUTE);
      expect(strikes(h, bead)).toMatchObject(expected);
      expect(h.town.merge(bead).state).toBe("approved");
    }),
  );

  it("takes an older version's counter once", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      sql.run("update merge_requests set poll_null_count = 8");
      h.forge.error = http(500);
      h.advance(MINUTE);
      expect(strikes(h, bead)).toMatchObject({ t: 9, l: null });
      expect(h.town.merge(bead).state).toBe("approved");
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("failed");
    }));

  it("waits as long as the forge asks", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = http(429, { retry_after_ms: 10 * MINUTE });
      h.advance(MINUTE);
      const before = h.forge.polls;
      h.advance(10 * MINUTE - 1);
      expect(h.forge.polls).toBe(before);
      expect(h.town.merge(bead).waitingOn).toMatchObject({ code: "poll_backoff" });
      h.advance(1);
      expect(h.forge.polls).toBe(before + 1);
    }));

  it("waits its interval where the forge asks for less, and counts each time it is refused", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = http(403, { transient: true, retry_after_ms: 5_000 });
      h.advance(9 * MINUTE);
      expect(strikes(h, bead)).toMatchObject({ t: 9 });
      expect(h.town.merge(bead).state).toBe("approved");
    }));

  it("waits while this machine is offline, however long, and counts nothing", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = http(null, { offline: true });
      h.advance(60 * MINUTE);
      expect(strikes(h, bead)).toMatchObject({ t: 0, n: 0 });
      expect(h.town.merge(bead).state).toBe("approved");
      h.forge.error = null;
      h.advance(MINUTE);
      expect(h.town.merge(bead).waitingOn).toMatchObject({ code: "manual" });
    }));

  it("tells what to do, holds the finished work, and watches the same one again on retry", () =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      const url = h.town.merge(bead).pullRequest?.url;
      h.forge.error = http(401);
      h.advance(MINUTE);
      expect(h.town.bead(bead)).toMatchObject({ status: "open", held: true, reason: "pr_poll_failed" });
      expect(h.town.merge(bead).failure?.message).toMatch(/invalid or has expired/);
      expect(h.town.bead(h.town.merge(bead).id).metadata).toMatchObject({
        failureReason: "pr_poll_failed",
        failureKind: "http_error",
        failureMessage: expect.stringMatching(/GitHub token/),
      });
      expect(escalations(h)).toEqual(["pr_poll_failed"]);
      const [event] = h.town.feed({ limit: 50, kind: "pr.poll_failed" });
      expect(event).toMatchObject({
        reason: "http_error",
        rigId: h.rig,
        beadId: bead,
        data: { town: h.town.id, label: "github", statusCode: 401, value: 1 },
      });
      expect(h.town.checkInvariants()).toEqual([]);

      h.forge.error = null;
      h.town.retryBead(bead, { fresh: false, note: "" }, PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", failure: null, pullRequest: { url } });
      expect(h.town.bead(h.town.merge(bead).id).metadata).toEqual({});
      expect(h.town.bead(bead).status).toBe("in_review");
      expect(escalations(h)).toEqual([]);
      expect(h.carriedOut.filter((one) => one.kind === "open_pull_request")).toHaveLength(1);
      expect(h.carriedOut.filter((one) => one.kind === "start_session")).toHaveLength(1);
    }));

  it.each<[string, ForgeError]>([
    ["no token", { kind: "no_token", provider: "gitlab", tried: ["gitlab_token"] }],
    ["401", http(401, { provider: "gitlab" })],
    ["403", http(403, { provider: "gitlab" })],
    ["404", http(404, { provider: "gitlab" })],
  ])("speaks of GitLab where GitLab failed: %s", (_name, error) =>
    withSql((sql) => {
      const { h, bead } = watched(sql);
      h.forge.error = error;
      h.advance(MINUTE);
      const message = h.town.merge(bead).failure?.message ?? "";
      expect(message).toContain("GitLab");
      expect(message).not.toMatch(/github|pull request/i);
      const [event] = h.town.feed({ limit: 5, kind: "pr.poll_failed" });
      expect(event?.data).toMatchObject({ label: "gitlab" });
      expect(event?.data["statusCode"]).toBe(error.kind === "http_error" ? error.status : undefined);
    }),
  );
});
