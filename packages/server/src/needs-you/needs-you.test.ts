/** The list of what needs a person, over HTTP (spec/api.md §3.3). */
import { withSql } from "#host";
import type { NeedsYouList } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { TOWN, townsOn, USER, working } from "../testing/town-host.ts";

const onTown = townsOn(withSql);
const path = `/api/towns/${TOWN}/needs-you`;

describe("what needs a person", () => {
  it("is listed with operations that exist, filtered, and put aside once per key", () =>
    onTown(async (host) => {
      const rigId = await host.readyRig();
      const { sessionId } = await working(host, rigId);
      host.actor.run((town) => town.escalate(sessionId, { title: "Which?", severity: "high" }));
      const { body } = await host.ask<NeedsYouList>("GET", `${path}?kind=question,permission&rigId=${rigId}`);
      const [item] = body.items;
      expect(item).toMatchObject({ kind: "question", severity: "high", holdsUp: 1 });
      const known = new Set(host.server.routes.map(({ operation }) => operation));
      for (const { operation } of [item?.primary, ...(item?.others ?? [])].filter((one) => one !== undefined))
        expect(known).toContain(operation);
      expect((await host.ask<NeedsYouList>("GET", `${path}?kind=budget`)).body.items).toEqual([]);

      const aside = { keys: [item?.key], until: "changed" };
      const key = { "idempotency-key": "snooze-1" };
      const first = await host.ask<NeedsYouList>("POST", `${path}/snooze`, aside, { ...USER, ...key });
      expect(first.body).toMatchObject({ items: [], snoozed: 1 });
      const again = await host.ask("POST", `${path}/snooze`, aside, { ...USER, ...key });
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect((await host.ask<NeedsYouList>("GET", `${path}?snoozed=true`)).body.items).toHaveLength(1);
    }));

  it("refuses filters and keys that mean nothing", () =>
    onTown(async (host) => {
      expect((await host.ask("GET", `${path}?kind=moon`)).status).toBe(400);
      expect((await host.ask("GET", `${path}?knd=question`)).status).toBe(400);
      expect((await host.ask("GET", `${path}?rigId=rig_none`)).status).toBe(404);
      const snooze = (body: unknown): Promise<{ status: number }> => host.ask("POST", `${path}/snooze`, body);
      expect((await snooze({ keys: [], until: "changed" })).status).toBe(400);
      expect((await snooze({ keys: ["x"], until: "tomorrow" })).status).toBe(400);
      expect((await snooze({ keys: ["x"], until: "changed" })).status).toBe(404);
    }));
});
