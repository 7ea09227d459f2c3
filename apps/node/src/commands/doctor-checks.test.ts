import { describe, expect, it } from "vitest";
import { checkGit, checkNode } from "./doctor-checks.ts";

describe("doctor", () => {
  it("says what to do about an old Node and a missing git", async () => {
    expect(checkNode("24.1.0")).toEqual([{ name: "node", state: "ok", message: "24.1.0" }]);
    expect(checkNode("20.19.0")[0]).toMatchObject({ state: "failed", action: expect.stringContaining("24") });
    expect((await checkGit({ PATH: "/nowhere" }))[0]).toMatchObject({
      state: "failed",
      message: expect.stringContaining("2.38"),
    });
    expect((await checkGit(process.env))[0]?.state).toBe("ok");
  });
});
