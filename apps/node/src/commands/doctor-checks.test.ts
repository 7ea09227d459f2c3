import { describe, expect, it } from "vitest";
import { checkGit, checkNode, isAtLeast } from "./doctor-checks.ts";

describe("doctor", () => {
  it("compares versions by number, not by letter", () => {
    expect(isAtLeast("2.38", [2, 38])).toBe(true);
    expect(isAtLeast("2.38.1", [2, 38])).toBe(true);
    expect(isAtLeast("2.100", [2, 38])).toBe(true);
    expect(isAtLeast("3.0", [2, 38])).toBe(true);
    expect(isAtLeast("2.9", [2, 38])).toBe(false);
    expect(isAtLeast("1.99", [2, 38])).toBe(false);
  });

  it("says what to do about an old Node and a missing git", async () => {
    expect(checkNode("24.1.0")).toEqual([{ name: "node", state: "ok", message: "24.1.0" }]);
    expect(checkNode("20.19.0")[0]).toMatchObject({ state: "failed", action: expect.stringContaining("24") });
    expect((await checkGit({ PATH: "/nowhere" }))[0]).toMatchObject({
      state: "failed",
      action: expect.stringContaining("2.38"),
    });
    expect((await checkGit(process.env))[0]?.state).toBe("ok");
  });
});
