import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { brokerAnswer } from "./messages.ts";
import type { BrokerAnswer, BrokerRequest, CapabilityFile } from "./messages.ts";

type Question = BrokerRequest extends infer R
  ? R extends { capability: string }
    ? Omit<R, "capability">
    : never
  : never;

const ANSWER_LIMIT_MS = 60_000;

/** Asks the broker; never rejects: one that is not there refuses, for now. */
export async function askBroker(
  { socket, capability }: CapabilityFile,
  question: Question,
): Promise<BrokerAnswer> {
  const connection = connect(socket);
  connection.setTimeout(ANSWER_LIMIT_MS, () => connection.destroy(new Error("no answer")));
  try {
    connection.write(`${JSON.stringify({ ...question, capability })}\n`);
    return brokerAnswer.parse(JSON.parse(await text(connection)));
  } catch {
    const message = "The town's runner is not there at the moment. Try again.";
    return { kind: "refused", code: "runner_unavailable", message, passing: true };
  } finally {
    connection.destroy();
  }
}
