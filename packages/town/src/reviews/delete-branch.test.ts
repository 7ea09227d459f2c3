import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import type { EffectAnswer } from "../town.ts";
import { harness, outcome, PERSON } from "../scenarios/harness.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** Given a bead whose work has landed, and a remote that answers deletions so. */
function landed(sql: Sql, answer: () => EffectAnswer) {
  const h = harness(sql);
  h.on.branch = answer;
  h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  expect(h.statuses()).toEqual({ x: "closed:merged" });
  const tries = (): number =>
    h.carriedOut.filter((one) => one.kind === "branch" && one.body.operation === "delete").length;
  return { h, tries };
}

describe("a merged branch", () => {
  it("is deleted again after 1, 2, 4 … seconds where the remote could not be reached", () =>
    withSql((sql) => {
      const failing = { left: 3 };
      const { h, tries } = landed(sql, () =>
        failing.left-- > 0
          ? outcome({ outcome: "error", message: "the connection was cut" })
          : outcome({ outcome: "branch_done", head_sha: null }),
      );
      expect(tries()).toBe(1);
      h.advance(SECOND - 1);
      expect(tries()).toBe(1);
      h.advance(1);
      expect(tries()).toBe(2);
      h.advance(2 * SECOND);
      expect(tries()).toBe(3);
      h.advance(4 * SECOND);
      expect(tries()).toBe(4);
      h.advance(HOUR);
      expect(tries()).toBe(4);
    }));

  it("is given up after twenty tries", () =>
    withSql((sql) => {
      const { h, tries } = landed(sql, () => outcome({ outcome: "error", message: "no network" }));
      h.advance(5 * HOUR);
      expect(tries()).toBe(20);
    }));

  it("stays where somebody has pushed to it", () =>
    withSql((sql) => {
      const { h, tries } = landed(sql, () => outcome({ outcome: "rejected", reason: "it has moved" }));
      h.advance(HOUR);
      expect(tries()).toBe(1);
    }));
});
