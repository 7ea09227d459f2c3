/** One-use tickets for the live feed's upgrade (spec/api.md §2.8); kept hashed, 60 s. */
export interface Tickets {
  issue(principal: string): Promise<{ ticket: string; expiresAt: number }>;
  /** The principal of a ticket that is known, unused and not expired; used from then on. */
  consume(ticket: string): Promise<string | undefined>;
}
