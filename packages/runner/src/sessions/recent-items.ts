/** What is kept here of a session's transcript; all of it is the town's (spec/runner.md §1). */
import type { TranscriptItem } from "@gastown/protocol";

const KEEP_ITEMS = 1_000;
const KEEP_CHARACTERS = 1_048_576;

export interface ItemsPage {
  readonly items: readonly TranscriptItem[];
  /** For the next question. */
  readonly next_after: number;
  /** Set where what was asked for is kept no more: the first number that is. */
  readonly truncated_before?: number;
}

export class RecentItems {
  #items: { readonly item: TranscriptItem; readonly size: number }[] = [];
  #size = 0;

  add(items: readonly TranscriptItem[]): void {
    for (const item of items) {
      const size = JSON.stringify(item).length;
      this.#items.push({ item, size });
      this.#size += size;
    }
    let dropped = 0;
    while (this.#items.length - dropped > KEEP_ITEMS || this.#size > KEEP_CHARACTERS) {
      this.#size -= this.#items[dropped]?.size ?? this.#size;
      dropped += 1;
    }
    if (dropped > 0) this.#items = this.#items.slice(dropped);
  }

  after(seq: number, limit: number): ItemsPage {
    const items = this.#items.map(({ item }) => item);
    const page = items.filter((item) => item.seq > seq).slice(0, limit);
    const first = items[0]?.seq ?? seq + 1;
    return {
      items: page,
      next_after: page.at(-1)?.seq ?? seq,
      ...(first > seq + 1 ? { truncated_before: first } : {}),
    };
  }
}
