import { CommandError, EXIT } from "./failure.ts";

/** Thrown by whatever waits when a person presses Ctrl-C. */
export function interruption(): CommandError {
  return new CommandError(EXIT.interrupted, "timeout", "Interrupted.");
}

/** Rejects with the signal's reason as soon as it is aborted. */
export function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason instanceof Error ? signal.reason : interruption());
  signal.addEventListener("abort", stop, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", stop));
}
