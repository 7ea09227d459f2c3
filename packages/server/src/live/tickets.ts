/** One-use tickets for the live feed's upgrade (spec/api.md §2.8). */
import { base64url, sha256Hex } from "../kernel/hash.ts";

const LIFETIME_MS = 60_000;
const MAX_PER_PRINCIPAL = 100;

export interface Tickets {
  /** A new ticket; the oldest of a principal goes when it has more than 100. `expiresAt`: epoch ms. */
  issue(principal: string): Promise<{ ticket: string; expiresAt: number }>;
  /** The principal of a ticket that is known, unused and not expired; it is used from then on. */
  consume(ticket: string): Promise<string | undefined>;
}

interface Kept {
  principal: string;
  expiresAt: number;
}

/** Kept in memory and hashed: a ticket that a restart lost is answered like an expired one. */
export function createTickets(now: () => number, randomBytes: (count: number) => Uint8Array): Tickets {
  const kept = new Map<string, Kept>();

  const forgetOld = (principal: string): void => {
    const time = now();
    for (const [hash, ticket] of kept) if (ticket.expiresAt < time) kept.delete(hash);
    const own = [...kept].filter(([, ticket]) => ticket.principal === principal);
    for (const [hash] of own.slice(0, Math.max(0, own.length + 1 - MAX_PER_PRINCIPAL))) kept.delete(hash);
  };

  return {
    async issue(principal) {
      const ticket = base64url(randomBytes(32));
      const hash = await sha256Hex(ticket);
      forgetOld(principal);
      const expiresAt = now() + LIFETIME_MS;
      kept.set(hash, { principal, expiresAt });
      return { ticket, expiresAt };
    },
    async consume(ticket) {
      const hash = await sha256Hex(ticket);
      // From here on nothing awaits: of two upgrades with one ticket only one finds it.
      const found = kept.get(hash);
      kept.delete(hash);
      return found !== undefined && now() <= found.expiresAt ? found.principal : undefined;
    },
  };
}
