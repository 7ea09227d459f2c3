import { describe, expect, it } from "vitest";
import { GastownError } from "@gastown/protocol";
import { COMMANDS } from "./commands.ts";
import { CommandError, EXIT, exitCodeOf } from "./failure.ts";
import { Output, cut, duration, table } from "./output.ts";
import { parseCommandLine } from "./program.ts";

describe("a command line", () => {
  const run = (...argv: string[]) => {
    const parsed = parseCommandLine(argv);
    if (parsed.type !== "run") throw new Error("It is a text.");
    return parsed.invocation;
  };

  it("has its words, arguments and options told apart", () => {
    expect(run("rig", "add", "/a", "--name", "b", "--json")).toMatchObject({
      spec: { usage: "rig add <url or path>" },
      args: ["/a"],
      options: { name: "b" },
      globals: { json: true },
    });
    expect(run("--json", "--town", "t", "status").globals).toEqual({ json: true, town: "t" });
    expect(run("sling", "Do it", "--label", "a", "b", "--hold").options).toEqual({
      label: ["a", "b"],
      hold: true,
    });
    expect(run("mayor", "hello", "--no-wait").options).toEqual({ wait: false });
    expect(run("mayor").args).toEqual([]);
    expect(run("--version", "--json")).toMatchObject({ spec: { usage: "version" }, globals: { json: true } });
    expect(run("config", "set", "a=1", "b=2").args).toEqual(["a=1", "b=2"]);
  });

  it("that asks for help gets text", () => {
    expect(parseCommandLine(["--help"])).toMatchObject({ type: "text" });
    expect(parseCommandLine(["bead", "list", "--help"])).toMatchObject({
      text: expect.stringContaining("--status"),
    });
  });

  it("that is wrong is refused with exit code 2", () => {
    for (const argv of [
      ["nothing"],
      ["rig"],
      ["rig", "add"],
      ["rig", "add", "a", "b"],
      ["status", "--what"],
      ["sling"],
    ])
      expect(() => parseCommandLine(argv)).toThrow(CommandError);
  });

  it("can name every command, and every command can be loaded", async () => {
    expect(new Set(COMMANDS.map((spec) => spec.usage)).size).toBe(COMMANDS.length);
    for (const spec of COMMANDS) expect(await spec.load()).toBeTypeOf("function");
  });
});

describe("exit codes", () => {
  it("follow the error's status, or what the command says", () => {
    const code = (name: ConstructorParameters<typeof GastownError>[0]) =>
      exitCodeOf(new GastownError(name, ""));
    expect(code("not_found")).toBe(EXIT.notFound);
    expect(code("unauthenticated")).toBe(EXIT.notAllowed);
    expect(code("forbidden")).toBe(EXIT.notAllowed);
    expect(code("name_taken")).toBe(EXIT.conflict);
    expect(code("precondition_failed")).toBe(EXIT.conflict);
    expect(code("validation_failed")).toBe(EXIT.failed);
    expect(code("internal")).toBe(EXIT.failed);
    expect(exitCodeOf(new CommandError(EXIT.waitEnded, "timeout", ""))).toBe(7);
  });
});

describe("output", () => {
  function output(options: { json?: boolean; quiet?: boolean; debug?: boolean } = {}) {
    const written = { stdout: "", stderr: "" };
    const out = new Output({
      json: options.json === true,
      quiet: options.quiet === true,
      debug: options.debug === true,
      terminal: true,
      color: false,
      stdout: (text) => {
        written.stdout += text;
      },
      stderr: (text) => {
        written.stderr += text;
      },
    });
    return { out, written };
  }

  it("is one JSON document, notes and progress apart", () => {
    const { out, written } = output({ json: true });
    out.note("working");
    out.piece("progress");
    out.result({ a: 1 }, "text");
    expect(written).toEqual({ stdout: '{"a":1}\n', stderr: "working\n" });
    expect(out.terminal).toBe(false);
  });

  it("is text for people, and quiet when asked", () => {
    const { out, written } = output({ quiet: true });
    out.note("working");
    out.result({ a: 1 }, () => "text");
    expect(written).toEqual({ stdout: "text\n", stderr: "" });
  });

  it("of a failure is a sentence; a defect shows its stack only when asked", () => {
    const usual = output();
    usual.out.failure(new GastownError("not_found", "There is none."));
    usual.out.failure(new TypeError("x is not a function"));
    expect(usual.written.stderr).toBe(
      "error: There is none.\nerror: This is a defect of gastown: x is not a function. GASTOWN_DEBUG=1 shows where.\n",
    );
    const programs = output({ json: true });
    programs.out.failure(new GastownError("not_found", "There is none.", { id: "a" }));
    expect(JSON.parse(programs.written.stdout)).toEqual({
      error: { code: "not_found", message: "There is none.", details: { id: "a" } },
    });
    const debugging = output({ debug: true });
    debugging.out.failure(new TypeError("x"));
    expect(debugging.written.stderr).toMatch(/\n\s+at /);
  });

  it("lays out tables, durations and long texts", () => {
    expect(
      table(
        ["A", "B"],
        [
          ["long", "x"],
          ["s", "y"],
        ],
      ),
    ).toBe("A     B\nlong  x\ns     y");
    expect(table(["A", "B"], [["\u001B[1mb\u001B[22m", "x"]])).toBe("A  B\n\u001B[1mb\u001B[22m  x");
    expect([1_400, 59_400, 125_000, 11_400_000].map(duration)).toEqual([
      "1.4 s",
      "59 s",
      "2 min 5 s",
      "3 h 10 min",
    ]);
    expect(cut("a\n b  c", 10)).toBe("a b c");
    expect(cut("abcdef", 4)).toBe("abc…");
  });
});
