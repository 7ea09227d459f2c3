/** A closed lid ends no turn and no session (spec/runner.md §4). */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { awakeTimer } from "./awake-timer.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const HOUR_MS = 3_600_000;
const sleep = (): unknown => vi.setSystemTime(Date.now() + HOUR_MS);

it("is due after its time, also on a busy machine", () => {
  const due = vi.fn<() => void>();
  awakeTimer(120_000, due);
  vi.advanceTimersByTime(119_999);
  expect(due).not.toHaveBeenCalled();
  vi.setSystemTime(Date.now() + 20_000);
  vi.advanceTimersByTime(1);
  expect(due).toHaveBeenCalledTimes(1);
});

it("begins anew when the machine has slept meanwhile", () => {
  const due = vi.fn<() => void>();
  awakeTimer(120_000, due);
  vi.advanceTimersByTime(60_000);
  sleep();
  vi.advanceTimersByTime(179_999);
  expect(due).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(due).toHaveBeenCalledTimes(1);
});

it("can be stopped, also after a sleep", () => {
  const due = vi.fn<() => void>();
  const stop = awakeTimer(120_000, due);
  sleep();
  vi.advanceTimersByTime(120_000);
  stop();
  vi.advanceTimersByTime(HOUR_MS);
  expect(due).not.toHaveBeenCalled();
});
