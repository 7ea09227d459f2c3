import { describe, expect, it } from "vitest";
import { Redactor } from "./redact.ts";
import { StderrTail } from "./stderr-tail.ts";

describe("text that leaves the runner", () => {
  it("has no secret in it that is known or looks like one", () => {
    const redactor = new Redactor();
    redactor.add("the-session-token");
    redactor.addEnv({ MY_API_KEY: "key-of-mine", HOME: "/home/somebody", SHORT_TOKEN: "abc" });
    const text =
      "the-session-token key-of-mine /home/somebody abc Authorization: Bearer abcdefghij sk-0123456789abcdefgh ghp_0123456789abcdefghijkl eyJhbGci.eyJzdWIi.sig";
    expect(redactor.clean(text)).toBe(
      "[secret] [secret] /home/somebody abc Authorization: Bearer [secret] [secret] [secret] [secret]",
    );
  });
});

describe("the tail of stderr", () => {
  it("is its last 20 lines, whole or in pieces", () => {
    const tail = new StderrTail();
    for (let i = 0; i < 50; i += 1) tail.push(`line ${i}\n\n`);
    tail.push("half of ");
    tail.push("a line");
    const lines = tail.text().split("\n");
    expect(lines).toHaveLength(20);
    expect(lines.slice(-2)).toEqual(["line 49", "half of a line"]);
  });

  it("does not grow with a line that never ends", () => {
    const tail = new StderrTail();
    for (let i = 0; i < 100; i += 1) tail.push("x".repeat(1_000));
    expect(tail.text().length).toBeLessThanOrEqual(2_000);
  });
});
