/**
 * What the last session of a directory left (spec/runner.md §2): which one it was, and whether its
 * work is saved. It is how a new instance knows what must be saved before a worktree is reused.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitIdentity, rigRef } from "@gastown/protocol";
import { z } from "zod";

const slotRecord = z.object({
  agent_id: z.string(),
  session_id: z.string(),
  epoch: z.int(),
  role: z.string(),
  author: gitIdentity,
  /** The mayor has one per rig. */
  worktrees: z.array(z.object({ dir: z.string(), rig: rigRef })),
  conversation_id: z.string().nullable(),
  /** The model that the runtime took where none was named, when the conversation was new. */
  default_model: z.string().nullable().default(null),
  /** The conversation's running total in USD. */
  cost_total: z.number(),
  /** Whether everything that this session left is on a remote. */
  saved: z.boolean(),
});
export type SlotRecord = z.infer<typeof slotRecord>;

export class SlotRecords {
  readonly #dir: string;

  constructor(root: string) {
    this.#dir = join(root, "slots");
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
  }

  read(agentId: string): SlotRecord | null {
    try {
      return slotRecord.parse(JSON.parse(readFileSync(join(this.#dir, agentId, "session.json"), "utf8")));
    } catch {
      return null;
    }
  }

  /** Written whole or not at all: a kill between must not lose the record before it. */
  write(record: SlotRecord): void {
    const dir = join(this.#dir, record.agent_id);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const next = join(dir, "session.json.next");
    writeFileSync(next, JSON.stringify(record), { mode: 0o600 });
    renameSync(next, join(dir, "session.json"));
  }

  /** The agent is no more, and neither is its directory. */
  forget(agentId: string): void {
    rmSync(join(this.#dir, agentId), { recursive: true, force: true });
  }

  /** What the slot's worktree was set up with; null: nothing yet. */
  setUp(agentId: string): string | null {
    try {
      return readFileSync(join(this.#dir, agentId, "setup"), "utf8");
    } catch {
      return null;
    }
  }

  noteSetUp(agentId: string, key: string): void {
    writeFileSync(join(this.#dir, agentId, "setup"), key, { mode: 0o600 });
  }

  all(): SlotRecord[] {
    return readdirSync(this.#dir)
      .map((agentId) => this.read(agentId))
      .filter((record) => record !== null);
  }
}
