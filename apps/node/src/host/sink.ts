// cspell:ignore pousr glpat
import type { EventSink, LogLevel } from "@gastown/server";

const LEVELS: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Anything that is shaped like one of our tokens, a JWT or a forge's token. */
const SECRETS =
  /\b(?:gt[lab]_[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})|([?&]ticket=)[\w-]+/g;

/** User and password in a url. */
const USER_INFO = /([a-z][a-z0-9+.-]*:\/\/)[^@/\s"]+@/gi;

export interface SinkOptions {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** One line, with its line end. */
  write(line: string): void;
  /** Epoch milliseconds. */
  now(): number;
}

/** Hides what must never be in a log (spec/api.md §2.1). */
export function withoutSecrets(text: string): string {
  const named = text.replaceAll(SECRETS, (_, ticket: string | undefined) => `${ticket ?? ""}****`);
  return named.replaceAll(USER_INFO, "$1");
}

/** A host's log: a line per event (at level `debug`) and per message, JSON or for people. */
export function createSink(options: SinkOptions): EventSink {
  const wanted = LEVELS[options.level];
  const line = options.format === "json" ? jsonLine : prettyLine;
  const write = (level: LogLevel, at: string, text: string, fields: Record<string, unknown>): void => {
    if (LEVELS[level] >= wanted) options.write(withoutSecrets(line(level, at, text, fields)));
  };
  return {
    event: ({ event, at, ...fields }) => write("debug", at, event, fields),
    log: (level, message, fields = {}) =>
      write(level, new Date(options.now()).toISOString(), message, plain(fields)),
  };
}

/** Errors have no enumerable fields: without this they would be logged as `{}`. */
function plain(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? (value.stack ?? value.message) : value,
    ]),
  );
}

function jsonLine(level: string, at: string, message: string, fields: Record<string, unknown>): string {
  return `${JSON.stringify({ at, level, message, ...fields })}\n`;
}

function prettyLine(level: string, at: string, message: string, fields: Record<string, unknown>): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `${at.slice(11, 19)} ${level.padEnd(5)} ${message}${rest.join("")}\n`;
}
