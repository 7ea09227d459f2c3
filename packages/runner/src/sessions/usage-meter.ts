import type { SessionUpdate } from "@agentclientprotocol/sdk";
import type { StartRequest, Usage } from "@gastown/protocol";
import type { TurnReply } from "../agents/acp-agent.ts";
import type { SlotRecord } from "./slot-record.ts";

/**
 * Tokens and money of one session as lower bounds (spec/agents-facts.md §7): replies describe only
 * the last request of a turn, and the cost is a running total of the whole conversation.
 */
export class UsageMeter {
  #tokensIn = 0;
  #tokensOut = 0;
  #known = false;
  /** Running total of the conversation when this session began. */
  readonly #before: number;
  #total: number;

  /** `before`: the conversation's total so far, where it is taken up again. */
  constructor(before: number) {
    this.#before = before;
    this.#total = before;
  }

  /** Of a start: where it goes on with a conversation, from what that had cost. */
  static of(request: StartRequest, before: SlotRecord | null): UsageMeter {
    const goesOn = request.resume_from !== null && before?.conversation_id === request.resume_from;
    return new UsageMeter(goesOn ? before.cost_total : 0);
  }

  update(update: SessionUpdate): void {
    if (update.sessionUpdate !== "usage_update") return;
    const amount = update.cost?.amount;
    if (amount === undefined) return;
    this.#known = true;
    this.#total = Math.max(this.#total, amount);
  }

  turn(reply: TurnReply): void {
    this.#tokensIn += Math.round(reply.usage?.input ?? 0);
    this.#tokensOut += Math.round(reply.usage?.output ?? 0);
  }

  /** The conversation's running total, to begin from next time. */
  get total(): number {
    return this.#total;
  }

  get usage(): Usage {
    return {
      tokens_in: this.#tokensIn,
      tokens_out: this.#tokensOut,
      usd: Math.max(0, this.#total - this.#before),
      usd_known: this.#known,
    };
  }
}
