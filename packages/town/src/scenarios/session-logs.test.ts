/** Logs of sessions: what a runner names is found with the session, also after another runner took it over. */
import { withSql } from "#host";
import type { SessionLog } from "@gastown/protocol";
import { expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const log = (kind: SessionLog["kind"], n: number): SessionLog => {
  return { kind, log_id: `log_${String(n).padStart(26, "0")}` };
};

function beat(h: Harness, sessionId: string, logs?: SessionLog[]): void {
  h.town.heartbeat(h.town.runnerEpoch(), {
    instance_id: "run_00000000000000000000000001",
    draining: false,
    sessions: [
      {
        session_id: sessionId,
        epoch: h.town.session(sessionId).epoch,
        state: "busy",
        last_event_at: h.now(),
        active_tools: [],
        prompted: true,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
        ...(logs === undefined ? {} : { logs }),
      },
    ],
  });
}

it("logs of a session are remembered once each, in order, and told as they begin", () =>
  withSql((sql) => {
    const h = harness(sql);
    h.auto.done = false;
    const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
    h.settle();
    const id = h.session(bead);
    const named = (): string[] =>
      h.town.session(id).logs.map(({ kind, logId }) => `${kind} ${logId.slice(-1)}`);
    expect(named()).toEqual([]);
    beat(h, id, [log("setup", 1)]);
    beat(h, id, [log("setup", 1), log("stderr", 2)]);
    beat(h, id);
    // The runner after it knows only of its own.
    beat(h, id, [log("stderr", 3)]);
    expect(named()).toEqual(["setup 1", "stderr 2", "stderr 3"]);
    const told = h.town
      .feed({ limit: 50, kind: "session.log_begun" })
      .map(({ data }) => String(data["logId"]));
    expect(told.toSorted()).toEqual([1, 2, 3].map((n) => log("setup", n).log_id));

    h.town.post({
      type: "session_ended",
      sessionId: id,
      ended: {
        epoch: h.town.session(id).epoch,
        outcome: "failed",
        reason: { code: "agent_exited", message: "gone" },
        work_ref: null,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
        logs: [log("stderr", 4)],
      },
    });
    h.settle();
    expect(named()).toEqual(["setup 1", "stderr 2", "stderr 3", "stderr 4"]);
  }));
