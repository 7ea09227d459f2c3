/** A session lives on when its runner is replaced; the turn that it was in does not. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON } from "./harness.ts";

describe("a mayor whose runner is replaced", () => {
  it("is given the message of the turn that was cut off once more", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.messageMayor({ message: "hello" }, PERSON);
      h.settle();
      const given = () =>
        h.carriedOut.flatMap((request) => (request.kind === "message_session" ? [request.interrupted] : []));
      expect(given()).toHaveLength(1);
      h.town.registerRunner("run_00000000000000000000000002");
      h.settle();
      expect(given()).toHaveLength(2);
      expect(given()).toEqual([null, { tools: [] }]);
    }));
});
