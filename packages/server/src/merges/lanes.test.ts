/** Lanes over HTTP (spec/api.md §3.8). */
import type { MergeLane } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { TOWN, townsOn } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const lanes = `/api/towns/${TOWN}/merges/lanes`;

describe("lanes", () => {
  it("are paused and resumed by rig and target, and shown", () =>
    withTown(async (host) => {
      const rigId = await host.readyRig();
      const of = { rigId, target: "main" };
      expect((await host.ask<MergeLane>("POST", `${lanes}/pause`, of)).body).toMatchObject({
        ...of,
        state: "paused",
        changes: [],
      });
      expect((await host.ask<{ items: MergeLane[] }>("GET", lanes)).body.items).toMatchObject([
        { ...of, state: "paused", reason: expect.stringContaining("paused by") },
      ]);
      expect((await host.ask<MergeLane>("POST", `${lanes}/resume`, of)).body.state).toBe("idle");
      expect((await host.ask<{ items: MergeLane[] }>("GET", lanes)).body.items).toEqual([]);
    }));

  it("are of a rig that exists", () =>
    withTown(async (host) => {
      const answer = await host.ask("POST", `${lanes}/pause`, { rigId: "nowhere", target: "main" });
      expect(answer.status).toBe(404);
      expect((await host.ask("POST", `${lanes}/pause`, { target: "main" })).status).toBe(400);
    }));
});
