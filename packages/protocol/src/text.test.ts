import { describe, expect, it } from "vitest";
import { secretText, utf8Bytes, VALUE_BYTES } from "./text.ts";

describe("the length of a secret", () => {
  it.each([
    ["", 0],
    ["a~", 2],
    ["\u00E9\u07FF", 4],
    ["\u0800\uFFFF", 6],
    ["\u{1F600}", 4],
    // Half of a pair becomes the sign for what is no character.
    ["\uD83D", 3],
  ])("of %j is %i bytes", (value, bytes) => expect(utf8Bytes(value)).toBe(bytes));

  it("is bounded in bytes", () => {
    const longest = "\u{1F600}".repeat(VALUE_BYTES / 4);
    expect(secretText.safeParse(longest).success).toBe(true);
    expect(secretText.safeParse(`${longest}x`).error?.issues[0]?.message).toBe(
      "must be at most 8192 bytes of UTF-8",
    );
  });
});
