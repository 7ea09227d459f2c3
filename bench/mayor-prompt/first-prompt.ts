/** When a town's runner was wanted and its mayor prompted, read from its own database afterwards. */
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";

/**
 * Epoch ms; all clocks are those of one machine.
 *
 * | step | is |
 * |---|---|
 * | wanted | the town's first effect, for which its host starts a runner at once |
 * | ready | the town knows that the mayor's session has its tools |
 * | told | the message is stored |
 * | prompted | the prompt goes out to the agent |
 */
const firstPrompt = z.object({
  wanted: z.number(),
  ready: z.number(),
  told: z.number(),
  prompted: z.number(),
});
export type FirstPrompt = z.infer<typeof firstPrompt>;

/** Each the first since a time (epoch ms). */
const QUERY = `
  select
    (select min(created_at) from outbox where created_at >= ?1) as wanted,
    (select min(at) from audit where kind = 'session.started' and at >= ?1) as ready,
    (select min(at) from audit where kind = 'mayor.message_received' and at >= ?1) as told,
    (select min(at) from transcript where at >= ?1
       and type = 'turn' and json_extract(data, '$.phase') = 'started') as prompted`;

/** Throws where the mayor has had no prompt since `from` (epoch ms). */
export function readFirstPrompt(databasePath: string, from: number): FirstPrompt {
  const db = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return firstPrompt.parse(db.prepare(QUERY).get(from));
  } finally {
    db.close();
  }
}
