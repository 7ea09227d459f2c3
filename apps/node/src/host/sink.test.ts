// cspell:ignore glpat
import { describe, expect, it } from "vitest";
import { createSink, withoutSecrets, type SinkOptions } from "./sink.ts";

function sink(options: Partial<SinkOptions> = {}) {
  const lines: string[] = [];
  const made = createSink({
    level: "info",
    format: "json",
    now: () => 0,
    write: (line) => lines.push(line),
    ...options,
  });
  return { ...made, lines };
}

describe("the host's log", () => {
  it("is one JSON object per line, with an error's stack", () => {
    const { log, lines } = sink();
    log("error", "it broke", { error: new Error("inner"), townId: "town_a" });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      at: "1970-01-01T00:00:00.000Z",
      level: "error",
      message: "it broke",
      townId: "town_a",
      error: expect.stringContaining("Error: inner"),
    });
  });

  it("leaves out what is below its level; events are for debugging", () => {
    const { log, event, lines } = sink();
    log("debug", "no");
    event({ event: "http.request", at: "2026-01-01T00:00:00.000Z" });
    expect(lines).toEqual([]);
    const loud = sink({ level: "debug", format: "pretty" });
    loud.event({ event: "http.request", at: "2026-01-01T10:11:12.000Z", statusCode: 200, none: undefined });
    expect(loud.lines).toEqual(["10:11:12 debug http.request statusCode=200\n"]);
  });

  it("hides secrets of every known shape, wherever they are", () => {
    const secrets = [
      `gtl_${"a".repeat(43)}`,
      `gtb_${"b".repeat(43)}`,
      `gta_tok${"c".repeat(20)}_${"d".repeat(20)}`,
      `eyJ${"e".repeat(20)}.${"f".repeat(20)}.${"g".repeat(20)}`,
      `ghp_${"h".repeat(36)}`,
      `glpat-${"i".repeat(20)}`,
    ];
    const { log, lines } = sink();
    log("info", `with ${secrets[0]}`, { all: secrets, error: new Error(secrets[3]) });
    for (const secret of secrets) expect(lines.join("")).not.toContain(secret);
    expect(withoutSecrets("GET /live?ticket=abc-DEF_1&after=3")).toBe("GET /live?ticket=****&after=3");
    expect(withoutSecrets("bead_01ABC")).toBe("bead_01ABC");
  });
});
