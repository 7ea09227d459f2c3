/**
 * A remote that stops in the middle of a push and waits for the test: the objects are there, the ref
 * has not moved. Its hook is a real one, in a real bare repository.
 */
import { closeSync, existsSync, openSync, watch, writeFileSync, writeSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Only the first push to a ref like this is held, so that whoever comes after is free to go. */
export class HeldPush {
  readonly #dir: string;
  /** Open for both: neither a hook that is not there yet nor one that was killed makes this wait. */
  readonly #answer: number;

  constructor(repository: string, refPattern: string) {
    this.#dir = repository;
    execFileSync("mkfifo", [this.#at("answer")]);
    this.#answer = openSync(this.#at("answer"), "r+");
    onTestFinished(() => closeSync(this.#answer));
    writeFileSync(join(repository, "hooks", "pre-receive"), hook(repository, refPattern), { mode: 0o755 });
  }

  #at(name: string): string {
    return join(this.#dir, `held-${name}`);
  }

  /** Resolves when the push is in the middle. */
  reached(): Promise<void> {
    return this.#file("reached");
  }

  /** Resolves when the remote's side of the push has ended, however. */
  over(): Promise<void> {
    return this.#file("over");
  }

  /** Lets the remote go on, even where nobody will hear its answer. */
  goOn(): void {
    writeSync(this.#answer, "go on\n");
  }

  #file(name: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!existsSync(this.#at(name))) return;
      watcher.close();
      resolve();
    };
    const watcher = watch(this.#dir, { persistent: false }, look);
    look();
    return promise;
  }
}

/** `mkdir` is what decides who is first. The watcher tells when git's own process has ended. */
function hook(dir: string, refPattern: string): string {
  return `#!/bin/sh
while read -r old new ref; do
  case "$ref" in
  ${refPattern}) mkdir '${dir}/held-first' 2>/dev/null && hold=yes ;;
  esac
done
[ "$hold" = yes ] || exit 0
git=$PPID
( while kill -0 "$git"; do sleep 0.05; done; : > '${dir}/held-over' ) </dev/null >/dev/null 2>&1 &
: > '${dir}/held-reached'
read -r answer < '${dir}/held-answer'
`;
}
