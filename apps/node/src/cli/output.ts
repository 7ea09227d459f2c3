import { createColors } from "picocolors";
import { errorBody, shown } from "./failure.ts";
import type { GastownError } from "@gastown/protocol";

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether somebody reads standard output on a terminal. */
  readonly terminal: boolean;
  readonly color: boolean;
  /** Whether a defect's stack is wanted (GASTOWN_DEBUG). */
  readonly debug: boolean;
  stdout(text: string): void;
  stderr(text: string): void;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "magenta" | "blue";

/**
 * The only way in which a command writes. With `--json` standard output holds exactly one JSON
 * document (one per line for a stream); notes and progress go to standard error (spec/api.md §7).
 */
export class Output {
  readonly json: boolean;
  readonly terminal: boolean;
  readonly #options: OutputOptions;
  readonly #colors: ReturnType<typeof createColors>;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#colors = createColors(options.color);
    this.json = options.json;
    this.terminal = options.terminal && !options.json;
  }

  /** The result of a command, once: the value for programs, else the text for people. */
  result(value: unknown, text: string | (() => string)): void {
    if (this.json) this.#options.stdout(`${JSON.stringify(value)}\n`);
    else {
      const shownText = typeof text === "function" ? text() : text;
      if (shownText !== "") this.#options.stdout(`${shownText}\n`);
    }
  }

  /** One item of a stream. */
  item(value: unknown, text: string): void {
    this.result(value, text);
  }

  /** A stream of lines that are JSON already, with `--json` and without. */
  lines(text: string): void {
    this.#options.stdout(text);
  }

  /** Part of a text that grows while it arrives; not for `--json`. */
  piece(text: string): void {
    if (!this.json) this.#options.stdout(text);
  }

  /** What a person may want to know meanwhile. */
  note(text: string): void {
    if (!this.#options.quiet) this.#options.stderr(`${text}\n`);
  }

  /** A failure: one clear sentence, or the error object; a stack only where it was asked for. */
  failure(thrown: unknown): GastownError {
    const { error, defect } = shown(thrown);
    if (this.json) this.#options.stdout(`${JSON.stringify(errorBody(error))}\n`);
    else this.#options.stderr(`${this.style("red", "error:")} ${error.message}\n`);
    if (defect !== undefined && this.#options.debug) this.#options.stderr(`${defect}\n`);
    return error;
  }

  style(style: Style, text: string): string {
    return this.#colors[style](text);
  }
}

/** Columns of equal width; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => plainLength(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - plainLength(cell)),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

// oxlint-disable-next-line no-control-regex -- colors begin with an escape character
const COLOR = /\u001B\[\d+m/g;

function plainLength(text: string): number {
  return text.replaceAll(COLOR, "").length;
}

/** `1.4 s`, `2 min 5 s`, `3 h 10 min`, for a duration in milliseconds. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** At most `length` characters, on one line. */
export function cut(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
