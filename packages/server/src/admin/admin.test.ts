/** What was given up, over HTTP (spec/api.md §3.15). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { TOWN, townsOn } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const admin = `/api/towns/${TOWN}/admin`;

describe("dead letters", () => {
  it("are listed by their box, and are not there where none is", () =>
    withTown(async (host) => {
      await host.readyRig();
      expect((await host.ask("GET", `${admin}/outbox`)).body).toEqual({ items: [], nextCursor: null });
      expect((await host.ask("GET", `${admin}/inbox`)).body).toEqual({ items: [], nextCursor: null });
      const done = await host.ask("GET", `${admin}/outbox?state=done&kind=setup_rig`);
      expect(done.body).toMatchObject({ items: [{ kind: "setup_rig", state: "done", told: true }] });
      expect((await host.ask("GET", `${admin}/outbox?state=gone`)).status).toBe(400);
    }));

  it("are taken up only where there is one", () =>
    withTown(async (host) => {
      await host.readyRig();
      const done = await host.ask("GET", `${admin}/outbox?state=done&kind=setup_rig`);
      const [{ id } = { id: "" }] = (done.body as { items: { id: string }[] }).items;
      for (const what of ["retry", "discard"]) {
        expect((await host.ask("POST", `${admin}/outbox/${id}/${what}`, {})).status).toBe(409);
        expect((await host.ask("POST", `${admin}/outbox/effect_none/${what}`, {})).status).toBe(404);
        expect((await host.ask("POST", `${admin}/inbox/1x/${what}`, {})).status).toBe(404);
      }
    }));
});
