/** Trying a notifier (spec/api.md §3.13). */
import { testNotifierAnswer, testNotifierBody } from "@gastown/protocol";
import type { Endpoints } from "../http/endpoint.ts";
import type { ServerPorts } from "../ports.ts";
import { sendNotice } from "./send.ts";

const TIMEOUT_MS = 30_000;

export function notifyRoutes(on: Endpoints, ports: ServerPorts): void {
  on.town(
    {
      method: "post",
      path: "/api/towns/{townId}/config/notify/test",
      operation: "config.testNotifier",
      summary: "Tells one notifier now that it is being tried, and says whether that arrived.",
      who: "owner",
      body: testNotifierBody,
      answer: testNotifierAnswer,
    },
    async ({ town, body, params, actor }) => {
      const request = town.run((open) => open.testNotice(body.index, actor));
      const deadline = new AbortController();
      const cancel = ports.setTimer(TIMEOUT_MS, () => deadline.abort());
      const { sealingKeys, notifiers } = ports;
      const answer = await sendNotice(
        { sealingKeys, ...notifiers },
        params.townId,
        request,
        deadline.signal,
      ).finally(cancel);
      if (answer.type === "done") return { delivered: true, message: "It was delivered." };
      return {
        delivered: false,
        message: answer.type === "retry" ? answer.message : answer.reason.message,
      };
    },
  );
}
