/** Ctrl-C: the first one may end something smaller than the command; nobody is locked in by that. */
import { expect, it } from "vitest";
import { Interrupts } from "./interrupt.ts";

function terminal() {
  const listeners = new Set<() => void>();
  return {
    listeners,
    /** As `process.once` does: a second one without a listener ends the process. */
    press: (): void => {
      const heard = [...listeners];
      listeners.clear();
      for (const fn of heard) fn();
    },
    listen: (fn: () => void) => {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
  };
}

it("stops the command where nothing smaller is under way", () => {
  const { press, listen } = terminal();
  const did: string[] = [];
  void new Interrupts(listen, () => did.push("stop"));
  press();
  press();
  expect(did).toEqual(["stop"]);
});

it("ends what is under way first, and the command with the second", () => {
  const { press, listen } = terminal();
  const did: string[] = [];
  const interrupts = new Interrupts(listen, () => did.push("stop"));
  interrupts.first(() => did.push("turn"));
  press();
  press();
  expect(did).toEqual(["turn", "stop"]);
});

it("stops the command again when what was under way is over, and listens no longer at its end", () => {
  const { press, listen, listeners } = terminal();
  const did: string[] = [];
  const interrupts = new Interrupts(listen, () => did.push("stop"));
  const over = interrupts.first(() => did.push("turn"));
  over();
  interrupts.first(() => did.push("next turn"));
  over();
  press();
  press();
  expect(did).toEqual(["next turn", "stop"]);
  interrupts.end();
  expect(listeners.size).toBe(0);
});
