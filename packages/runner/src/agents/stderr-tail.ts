const LINES = 20;
const LINE_LENGTH = 2_000;

/** The last 20 lines that a process wrote to stderr (spec/runner.md §7). */
export class StderrTail {
  readonly #lines: string[] = [];
  #rest = "";

  push(chunk: string): void {
    const parts = (this.#rest + chunk).split(/\r?\n/);
    this.#rest = (parts.pop() ?? "").slice(0, LINE_LENGTH);
    for (const line of parts) if (line.trim() !== "") this.#lines.push(line.slice(0, LINE_LENGTH));
    this.#lines.splice(0, Math.max(0, this.#lines.length - LINES));
  }

  text(): string {
    return [...this.#lines, this.#rest]
      .filter((line) => line !== "")
      .slice(-LINES)
      .join("\n");
  }
}
