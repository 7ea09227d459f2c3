/**
 * What is next, among many: a binary heap that knows where each id sits, so that a wake moves in
 * place (spec/stack-facts.md §6: 100,000 moves in 49 ms, 168 bytes a town).
 */
export class WakeHeap {
  readonly #entries: { readonly id: string; at: number }[] = [];
  readonly #positions = new Map<string, number>();

  get size(): number {
    return this.#entries.length;
  }

  /** The earliest one, without taking it. */
  peek(): { readonly id: string; readonly at: number } | undefined {
    return this.#entries[0];
  }

  at(id: string): number | undefined {
    const position = this.#positions.get(id);
    return position === undefined ? undefined : this.#entries[position]?.at;
  }

  /** Puts `id` at `at` (epoch ms), wherever it was before. */
  set(id: string, at: number): void {
    const position = this.#positions.get(id);
    const known = position === undefined ? undefined : this.#entries[position];
    if (position === undefined || known === undefined) {
      this.#entries.push({ id, at });
      this.#positions.set(id, this.#entries.length - 1);
      this.#up(this.#entries.length - 1);
      return;
    }
    const earlier = at < known.at;
    known.at = at;
    if (earlier) this.#up(position);
    else this.#down(position);
  }

  delete(id: string): void {
    const position = this.#positions.get(id);
    if (position === undefined) return;
    const last = this.#entries.pop();
    this.#positions.delete(id);
    if (last === undefined || last.id === id) return;
    this.#entries[position] = last;
    this.#positions.set(last.id, position);
    this.#up(position);
    this.#down(this.#positions.get(last.id) ?? position);
  }

  /** Moves every time by this, in milliseconds; the order stays. */
  shift(by: number): void {
    for (const entry of this.#entries) entry.at += by;
  }

  /** Takes every id whose time is not later than `now`, earliest first. */
  takeDue(now: number): string[] {
    const due: string[] = [];
    for (let first = this.peek(); first !== undefined && first.at <= now; first = this.peek()) {
      due.push(first.id);
      this.delete(first.id);
    }
    return due;
  }

  #up(from: number): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!this.#swapIfEarlier(position, parent)) return;
      position = parent;
    }
  }

  #down(from: number): void {
    let position = from;
    for (;;) {
      const left = 2 * position + 1;
      const right = left + 1;
      const least = this.#time(right) < this.#time(left) ? right : left;
      if (!this.#swapIfEarlier(least, position)) return;
      position = least;
    }
  }

  #time(position: number): number {
    return this.#entries[position]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Puts `below` above `above` when it is earlier. */
  #swapIfEarlier(below: number, above: number): boolean {
    const child = this.#entries[below];
    const parent = this.#entries[above];
    if (child === undefined || parent === undefined || child.at >= parent.at) return false;
    this.#entries[above] = child;
    this.#entries[below] = parent;
    this.#positions.set(child.id, above);
    this.#positions.set(parent.id, below);
    return true;
  }
}
