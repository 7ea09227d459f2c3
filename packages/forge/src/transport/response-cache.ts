/**
 * Remembers answers that carry an ETag, so that a poll of something unchanged costs a 304, which
 * forges count against no limit. A remembered answer is used only after the forge confirmed it for
 * the token of that request.
 */
interface RememberedAnswer {
  readonly etag: string;
  readonly body: string;
  readonly headers: readonly (readonly [string, string])[];
}

export interface ResponseCache {
  get(key: string): RememberedAnswer | undefined;
  set(key: string, answer: RememberedAnswer): void;
}

const MAX_CHARS = 16 * 1024 * 1024;

/** Bounded by its size; what was not used for longest goes first. */
export function createResponseCache(maxChars: number = MAX_CHARS): ResponseCache {
  const answers = new Map<string, RememberedAnswer>();
  let chars = 0;
  const remove = (key: string): void => {
    chars -= answers.get(key)?.body.length ?? 0;
    answers.delete(key);
  };
  return {
    get(key) {
      const found = answers.get(key);
      if (found === undefined) return undefined;
      answers.delete(key);
      answers.set(key, found);
      return found;
    },
    set(key, answer) {
      remove(key);
      if (answer.body.length > maxChars / 8) return;
      answers.set(key, answer);
      chars += answer.body.length;
      for (const oldest of answers.keys()) {
        if (chars <= maxChars) break;
        remove(oldest);
      }
    },
  };
}
