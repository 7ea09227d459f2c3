/** What must never be: the number of spec/town.md §8, and what was seen. */
export interface Violation {
  invariant: number;
  what: string;
}

export class ViolationFound extends Error {
  readonly violation: Violation;

  constructor(invariant: number, what: string) {
    super(`invariant ${invariant}: ${what}`);
    this.name = "ViolationFound";
    this.violation = { invariant, what };
  }
}
