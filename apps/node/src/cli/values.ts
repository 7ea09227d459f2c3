import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import { resolve } from "node:path";
import type { OptionValues } from "./commands.ts";
import { usageError } from "./failure.ts";

/** The text of an option, or undefined where it was not given. */
export function textOption(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

export function listOption(options: OptionValues, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value : typeof value === "string" ? [value] : [];
}

/** `--timeout` in milliseconds, or `fallback`. */
export function timeoutOption(options: OptionValues, fallbackSeconds?: number): number | undefined {
  const text = textOption(options, "timeout");
  if (text === undefined) return fallbackSeconds === undefined ? undefined : fallbackSeconds * 1000;
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0) || seconds > 2_000_000)
    throw usageError(`--timeout wants a number of seconds above 0, not "${text}".`);
  return seconds * 1000;
}

/** One of a few words. Throws exit code 2 with the words. */
export function choiceOption<T extends string>(
  options: OptionValues,
  name: string,
  words: readonly T[],
): T | undefined {
  const text = textOption(options, name);
  if (text === undefined) return undefined;
  const word = words.find((one) => one === text);
  if (word === undefined) throw usageError(`--${name} is one of ${words.join(", ")}, not "${text}".`);
  return word;
}

/** A text that may be given as `@file` or as `-` for standard input. */
export async function textOrFile(value: string, cwd: string): Promise<string> {
  if (value === "-") return readAll(process.stdin);
  if (!value.startsWith("@")) return value;
  return readTextFile(value.slice(1), cwd);
}

export function readTextFile(path: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), "utf8");
  } catch {
    throw usageError(`The file ${path} cannot be read. Check its name and your rights.`);
  }
}
