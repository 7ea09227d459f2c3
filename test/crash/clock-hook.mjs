/**
 * Loaded before everything else in a process of a crash test (`--import`): its wall clock is ahead of the
 * real one by what a file says, also when that changes while it runs. Clocks that nobody sets are left alone.
 */
import { readFileSync } from "node:fs";

const file = process.env.GASTOWN_TEST_CLOCK ?? "";
const RealDate = Date;

function ahead() {
  try {
    return Number(readFileSync(file, "utf8")) || 0;
  } catch {
    return 0;
  }
}

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + ahead());
    else super(...given);
  }
  static now() {
    return RealDate.now() + ahead();
  }
};
