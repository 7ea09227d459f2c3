/** Submodules and Git LFS are a rig's wish, and whatever works in its worktrees is told of it. */
import type { RigRef } from "@gastown/protocol";
import { expect, it } from "vitest";
import { withSql } from "#host";
import type { EffectRequest } from "../town.ts";
import { harness, outcome, PERSON } from "./harness.ts";

function rigOf(request: EffectRequest): RigRef | null {
  if (request.kind === "start_session") return request.plan.rig;
  if (request.kind !== "run_gates" && request.kind !== "merge") return null;
  return request.body.rig;
}

it("by the rig's setting, else the town's; absent where neither wishes for it", () =>
  withSql((sql) => {
    const h = harness(sql);
    h.on.run_gates = () => outcome({ outcome: "gates_done", gates: [] });
    const land = (): Record<string, unknown>[] => {
      const before = h.carriedOut.length;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
      const rigs = h.carriedOut
        .slice(before)
        .map(rigOf)
        .filter((rig) => rig !== null);
      // Work, its gates, its review and its landing.
      expect(rigs.length).toBeGreaterThanOrEqual(4);
      return rigs.map(({ submodules, lfs, push_options }) => ({ submodules, lfs, push_options }));
    };
    h.town.setRigConfig(h.rig, { review: { gates: ["true"] } }, PERSON);
    for (const rig of land()) expect(rig).toEqual({});
    h.town.setConfig({ ...h.town.config().config, git: { submodules: true, lfs: true } }, PERSON);
    h.town.setRigConfig(h.rig, { review: { gates: ["true"] }, git: { lfs: false } }, PERSON);
    for (const rig of land()) expect(rig).toEqual({ submodules: true });
    const flags = { push_flags: ["--no-verify", "--push-option=ci.skip"] };
    h.town.setRigConfig(h.rig, { review: { gates: ["true"] }, git: flags }, PERSON);
    for (const rig of land()) expect(rig).toMatchObject({ push_options: ["ci.skip"] });
  }));
