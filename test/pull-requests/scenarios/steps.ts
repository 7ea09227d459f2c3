/** What agents of these stories do. */
import type { Step } from "../../faults/script.ts";

const write = (path: string, content: string): Step => ({ write: { path, content } });
const commit = (message: string): Step => ({ commit: { message } });
export const approve: Step = { approve: "Good." };
export const wantsMore = (feedback: string): Step => ({ request_changes: { feedback } });

/** Makes the change and commits it. */
export const change = (path: string, content: string, message: string): Step[] => [
  write(path, content),
  commit(message),
];

/** Answers the first thread of its pull request and resolves it; the agent has no token. */
export const answerThread: readonly Step[] = [
  { call: { tool: "gt_pr_threads", args: {} } },
  {
    call: {
      tool: "gt_pr_reply",
      args: { thread_id: "{{last.items.0.id}}", body: "Done.", resolve: true },
    },
  },
];
