/** Resolves after `ms`, or at once when `signal` aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal?.aborted === true) return done();
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      done();
    }
    signal?.addEventListener("abort", finish);
    return undefined;
  });
}

/** Whether `promise` settled within `ms`, and before `signal` aborted. */
export async function within(promise: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<boolean> {
  const timer = new AbortController();
  const over = signal === undefined ? timer.signal : AbortSignal.any([timer.signal, signal]);
  const settled = promise.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([settled, delay(ms, over).then(() => false)]);
  timer.abort();
  return result;
}

/** Rejects with the signal's reason as soon as it aborts; what was awaited goes on unwatched. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
