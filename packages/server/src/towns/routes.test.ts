/** Costs and budgets over HTTP, and the end of a town (spec/api.md §3.3). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { INSTANCE, TOWN, townsOn, working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;

describe("deleting a town", () => {
  it("needs force while agents work in it; then they are stopped first", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      expect(await host.ask("DELETE", T)).toMatchObject({
        status: 409,
        body: { error: { code: "has_live_work" } },
      });
      const deleting = host.ask("DELETE", `${T}?force=true`);
      expect(await host.called(`/agents/${worker.sessionId}/stop`)).toMatchObject({ body: { mode: "now" } });
      await host.report(`/sessions/${worker.sessionId}/ended`, {
        epoch: worker.epoch,
        outcome: "stopped",
        reason: { code: "stopped", message: "" },
        work_ref: null,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
      });
      expect((await deleting).body).toEqual({ deleted: 1 });
      expect((await host.ask("GET", T)).status).toBe(404);
    }));
});

describe("usage", () => {
  it("tells costs by role and the budgets that were set, and refuses what it does not know", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const set = await host.ask("PATCH", `${T}/config`, {
        budgets: { town_day: { tokens: 1_000 }, bead: null },
      });
      expect(set.status).toBe(200);
      await host.report("/runner/heartbeat", {
        instance_id: INSTANCE,
        draining: false,
        sessions: [
          {
            session_id: worker.sessionId,
            epoch: worker.epoch,
            state: "busy",
            last_event_at: null,
            active_tools: [],
            prompted: true,
            usage: { tokens_in: 700, tokens_out: 150, usd: 0.25, usd_known: true },
          },
        ],
      });
      const { body } = await host.ask("GET", `${T}/usage?groupBy=role`);
      expect(body).toMatchObject({
        items: [{ key: "polecat", tokensIn: 700, tokensOut: 150, usd: 0.25, usdKnown: true, sessions: 1 }],
        budgets: [{ scope: "town_day", used: { tokens: 850, usd: 0.25 }, share: 0.85 }],
      });
      expect((await host.ask("GET", `${T}/status`)).body).toMatchObject({
        spentToday: { tokens: 850, usd: 0.25 },
        breaker: { open: false },
      });
      expect((await host.ask("GET", `${T}/usage?groupBy=moon`)).status).toBe(400);
      const wrong = await host.ask("PATCH", `${T}/config`, { budgets: { town_day: { tokens: -1 } } });
      expect(wrong.status).toBe(400);
    }));
});
