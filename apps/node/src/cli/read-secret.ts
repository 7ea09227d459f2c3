import { text as readAll } from "node:stream/consumers";
import { isatty } from "node:tty";
import type { Context } from "./context.ts";
import { usageError } from "./failure.ts";
import { interruption } from "./interrupt.ts";

/**
 * A value that must stand in no argument list and no history: typed where nobody sees it, or all of
 * standard input. Throws a usage error for an empty one.
 */
export async function readSecret(context: Context, key: string): Promise<string> {
  const typed = isatty(0) ? await typeHidden(context, `${key} (not shown): `) : await readAll(process.stdin);
  const value = typed.replace(/\s+$/, "");
  if (value === "")
    throw usageError(`No value for ${key} came. Type it, or give it on standard input: … < file.`);
  return value;
}

/** Raw input, so that the terminal echoes nothing; a line ends it. */
async function typeHidden({ signal }: Context, prompt: string): Promise<string> {
  const { stdin } = process;
  process.stderr.write(prompt);
  stdin.setRawMode(true).setEncoding("utf8").resume();
  try {
    return await new Promise<string>((done, failed) => {
      let value = "";
      signal.addEventListener("abort", () => failed(signal.reason), { once: true });
      stdin.on("data", (chunk: string) => {
        for (const char of chunk) {
          if (char === "\r" || char === "\n") return done(value);
          // In raw mode Ctrl-C and Ctrl-D are characters like others.
          if (char === "\u0003" || char === "\u0004") return failed(interruption());
          value = char === "\u007F" || char === "\b" ? value.slice(0, -1) : value + char;
        }
        return undefined;
      });
    });
  } finally {
    stdin.removeAllListeners("data").setRawMode(false).pause();
    process.stderr.write("\n");
  }
}
