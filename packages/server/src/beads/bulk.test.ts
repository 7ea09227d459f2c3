/** Many beads over HTTP: batches, confirmation, idempotency (spec/api.md §3.5). */
import { withSql } from "#host";
import type { BulkAnswer, CountsAnswer } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { TOWN, townsOn, USER, type Answer, type TownHost } from "../testing/town-host.ts";

const onTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;
const bulk = (
  host: TownHost,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<BulkAnswer>> =>
  host.ask<BulkAnswer>("POST", `${T}/beads/bulk`, body, { ...USER, ...headers });
const codeOf = (answer: Answer<unknown>): unknown =>
  (answer.body as { error?: { code: string } }).error?.code;

async function someBeads(host: TownHost, count: number): Promise<string[]> {
  const rig = await host.readyRig();
  const actor = { kind: "person", id: "user_local", name: "you" } as const;
  return host.actor.run((town) =>
    Array.from(
      { length: count },
      (_, i) => town.sling(rig, { title: `bead ${i}` }, { held: true }, actor).id,
    ),
  );
}

describe("a change of many beads", () => {
  it("goes over more than one batch, and is done once per key", () =>
    onTown(async (host) => {
      const beadIds = await someBeads(host, 300);
      const key = { "idempotency-key": "close-all" };
      const before = host.actor.read((town) => town.newestSeq());
      const first = await bulk(host, { action: "close", beadIds, note: "enough" }, key);
      expect(first.body).toMatchObject({ matched: 300, done: 300 });
      const after = host.actor.read((town) => town.newestSeq());
      expect(after - before).toBeGreaterThanOrEqual(300);
      const again = await bulk(host, { action: "close", beadIds, note: "enough" }, key);
      expect(again.body).toEqual(first.body);
      expect(host.actor.read((town) => town.newestSeq())).toBe(after);
    }));

  it("by filter deletes and fails only with the count that a dry run has named", () =>
    onTown(async (host) => {
      await someBeads(host, 3);
      const filter = { held: true };
      const dry = await bulk(host, { action: "delete", filter, dryRun: true });
      expect(dry.body).toMatchObject({ matched: 3, done: 3 });
      for (const confirm of [undefined, 2]) {
        const refused = await bulk(host, { action: "delete", filter, confirm });
        expect(refused.status).toBe(428);
        expect(codeOf(refused)).toBe("precondition_required");
      }
      expect((await bulk(host, { action: "fail", filter, note: "x" })).status).toBe(428);
      expect((await bulk(host, { action: "delete", filter, confirm: 3 })).body).toMatchObject({ done: 3 });
      expect(host.actor.read((town) => town.beadsMeant({}))).toEqual([]);
    }));

  it("needs beads or a filter, and labels where they are meant", () =>
    onTown(async (host) => {
      const [id] = await someBeads(host, 1);
      for (const body of [
        { action: "close" },
        { action: "close", beadIds: [id], filter: {} },
        { action: "close", beadIds: [] },
        { action: "close", filter: { hold: true } },
        { action: "label", beadIds: [id] },
        { action: "close", beadIds: [id], labels: ["x"] },
        { action: "explode", beadIds: [id] },
      ])
        expect((await bulk(host, body)).status).toBe(400);
      expect((await bulk(host, { action: "label", beadIds: [id], labels: ["soon"] })).body.done).toBe(1);
    }));

  it("is counted as it is listed", () =>
    onTown(async (host) => {
      await someBeads(host, 2);
      const counts = await host.ask<CountsAnswer>("GET", `${T}/beads/counts?groupBy=column`);
      expect(counts.body.items).toMatchObject([{ key: "held", count: 2 }]);
      expect((await host.ask("GET", `${T}/beads/counts`)).status).toBe(400);
      expect((await host.ask("GET", `${T}/beads?label=none`)).body).toMatchObject({ items: [] });
      expect((await host.ask("GET", `${T}/beads?waitingOn=moon`)).status).toBe(400);
    }));
});
