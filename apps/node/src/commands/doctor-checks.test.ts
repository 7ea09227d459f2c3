import { describe, expect, it } from "vitest";
import { RUNTIMES } from "@gastown/runner";
import { measured } from "./doctor.ts";
import { checkGit, checkNode } from "./doctor-checks.ts";

describe("doctor", () => {
  it("says what each runtime was found unable to do, and of which nobody knows", () => {
    const said = Object.fromEntries(
      Object.values(RUNTIMES).map((runtime) => [runtime.id, measured(runtime)] as const),
    );
    expect(said["kilo"]).toBe(
      "passes the conformance suite (7.7.7), and cannot keep the tools of two sessions in one directory apart",
    );
    expect(said["opencode"]).toMatch(/\(1\.18\.33\).*directory apart; answer each prompt/);
    expect(said["codex"]).toBe("not tried with the conformance suite");
  });

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
