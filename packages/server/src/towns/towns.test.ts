import { describe, expect, it } from "vitest";
import { GastownError } from "@gastown/protocol";
import type { ExportHeader } from "@gastown/town";
import { withSql } from "#host";
import { createServer } from "../index.ts";
import { BASE, TOWN, townsOn, USER, working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

const T = `/api/towns/${TOWN}`;

describe("a town over HTTP", () => {
  it("takes a bead from a request to a start at the runner", () =>
    withTown(async (host) => {
      const rigId = await host.readyRig();
      const { beadId, sessionId } = await working(host, rigId);
      await host.until((town) => (town.bead(beadId).status === "in_progress" ? true : undefined));
      const session = await host.ask<{ state: string; beadId: string }>("GET", `${T}/sessions/${sessionId}`);
      expect(session.body).toMatchObject({ state: "running", beadId });
      const status = await host.ask<{ beads: Record<string, number> }>("GET", `${T}/status`);
      expect(status.body.beads).toMatchObject({ inProgress: 1 });
    }));

  it("answers a change with the place where it is in the feed", () =>
    withTown(async (host) => {
      const paused = await host.ask("POST", `${T}/pause`, { reason: "tea" });
      expect(paused.status).toBe(200);
      expect(paused.body).toMatchObject({ id: TOWN, paused: true, ownerId: "user_local" });
      const seq = Number(paused.headers.get("x-town-seq"));
      const feed = await host.ask<{ items: { seq: number; kind: string }[] }>(
        "GET",
        `${T}/events?before=${seq + 1}&limit=1`,
      );
      expect(feed.body.items).toMatchObject([{ seq, kind: "town.paused" }]);
    }));

  it("does not tell whether a town that is not there exists", () =>
    withTown(async (host) => {
      const answer = await host.ask("GET", "/api/towns/town_00000000000000000000000009/status");
      expect(answer.status).toBe(404);
      expect(answer.body).toMatchObject({ error: { code: "not_found" } });
    }));

  it("carries a request with one key out once, and refuses the key for another", () =>
    withTown(async (host) => {
      const rigId = await host.readyRig();
      const headers = {
        authorization: `Bearer gtl_local-token-of-the-tests-only`,
        "idempotency-key": "k1",
      };
      const sling = (title: string) => host.ask("POST", `${T}/rigs/${rigId}/sling`, { title }, headers);
      const [first, second] = await Promise.all([sling("once"), sling("once")]);
      expect([first.status, second.status]).toEqual([201, 201]);
      const { bead } = first.body as { bead: { id: string } };
      expect(first.headers.get("location")).toBe(`${T}/beads/${bead.id}`);
      expect(second.body).toEqual(first.body);
      expect(new Set([first, second].map((one) => one.headers.get("idempotent-replayed")))).toEqual(
        new Set([null, "true"]),
      );
      const other = await sling("twice");
      expect(other.status).toBe(422);
      expect(other.body).toMatchObject({ error: { code: "idempotency_key_reused" } });
      const list = await host.ask<{ items: unknown[] }>("GET", `${T}/beads`);
      expect(list.body.items).toHaveLength(1);
    }));

  it("makes a town once for one key", () =>
    withTown(async (host) => {
      let made = 0;
      const { actor } = host;
      const towns = { ...host.ports.towns, create: () => Promise.resolve((made++, actor)) };
      const { app } = createServer({ ...host.ports, towns });
      const post = (name: string): Promise<Response> =>
        Promise.resolve(
          app.request(`${BASE}/api/users/user_local/towns`, {
            method: "POST",
            headers: { ...USER, "content-type": "application/json", "idempotency-key": "t1" },
            body: JSON.stringify({ name }),
          }),
        );
      const first = await post("mine");
      expect(first.status).toBe(201);
      expect(first.headers.get("location")).toBe(T);
      const again = await post("mine");
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(await again.json()).toEqual(await first.json());
      expect((await post("other")).status).toBe(422);
      expect(made).toBe(1);
    }));

  it("streams a town out as lines, and lets go of what it read from", () =>
    withTown(async (host) => {
      await host.readyRig("web");
      let released = 0;
      const { towns } = host.ports;
      const exported = async (id: string) => ({
        ...(await towns.exported(id)),
        done: () => void (released += 1),
      });
      const { app } = createServer({ ...host.ports, towns: { ...towns, exported } });
      const answer = await app.request(`${BASE}${T}/export`, { headers: USER });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/jsonl");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const lines = (await answer.text()).trimEnd().split("\n");
      expect(JSON.parse(lines[0] ?? "")).toMatchObject({ format: "gastown-town", town: { id: TOWN } });
      expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ end: true, rows: lines.length - 2 });
      expect(released).toBe(1);
      const left = await app.request(`${BASE}${T}/export`, { headers: USER });
      await left.body?.cancel();
      expect(released).toBe(2);
      expect((await app.request(`${BASE}${T}/export`)).status).toBe(401);
    }));

  it("reads an upload line by line, whatever pieces it comes in, and says what is wrong with it", () =>
    withTown(async (host) => {
      const taken: string[] = [];
      const header = { omitted: { secrets: [{ scope: "town", key: "github_token" }], env: {} } };
      const imported = async (lines: AsyncIterable<readonly string[]>) => {
        taken.length = 0;
        for await (const some of lines) taken.push(...some);
        if (taken.length === 0) throw new GastownError("validation_failed", "There is nothing in it.");
        return { town: host.actor, header: header as ExportHeader };
      };
      const { app } = createServer({ ...host.ports, towns: { ...host.ports.towns, imported } });
      const send = async (
        pieces: readonly Uint8Array[],
        type = "application/jsonl",
        encoding = "identity",
      ) => {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            for (const piece of pieces) controller.enqueue(piece);
            controller.close();
          },
        });
        const headers = { ...USER, "content-type": type, "content-encoding": encoding };
        const init = { method: "POST", headers, body, duplex: "half" };
        return app.request(`${BASE}/api/users/user_local/towns/import`, init);
      };
      const text = new TextEncoder().encode('{"a":"ü"}\n{"b":1}\n{"c":2}');
      const made = await send(Array.from(text, (byte) => Uint8Array.of(byte)));
      expect(made.status).toBe(201);
      expect(await made.json()).toMatchObject({ id: TOWN, omitted: header.omitted });
      expect(taken).toEqual(['{"a":"ü"}', '{"b":1}', '{"c":2}']);
      const bytes = await new Response(
        new Blob([text]).stream().pipeThrough(new CompressionStream("gzip")),
      ).bytes();
      const packed = Array.from(bytes, (byte) => Uint8Array.of(byte));
      expect((await send(packed, "application/jsonl", "gzip")).status).toBe(201);
      expect(taken).toEqual(['{"a":"ü"}', '{"b":1}', '{"c":2}']);
      for (const wrong of [packed.slice(0, -9), [text]])
        expect(await (await send(wrong, "application/jsonl", "gzip")).json()).toMatchObject({
          error: { code: "malformed_json", message: expect.stringContaining("gzip") },
        });
      expect((await send([text], "application/jsonl", "br")).status).toBe(415);
      expect((await send([])).status).toBe(400);
      expect((await send([text], "text/html")).status).toBe(415);
      expect(await (await send([Uint8Array.of(0xff, 0x0a)])).json()).toMatchObject({
        error: { code: "malformed_json" },
      });
      const long = new Uint8Array(1_048_576).fill(0x61);
      expect((await send(Array.from({ length: 9 }, () => long))).status).toBe(413);
    }));

  it("keeps a refusal that the command decided, under its key", () =>
    withTown(async (host) => {
      await host.readyRig("web");
      const headers = {
        authorization: `Bearer gtl_local-token-of-the-tests-only`,
        "idempotency-key": "k2",
        "x-request-id": "second",
      };
      const again = () =>
        host.ask("POST", `${T}/rigs`, { name: "web", gitUrl: "https://git.example/x.git" }, headers);
      expect((await again()).body).toMatchObject({ error: { code: "name_taken" } });
      const replay = await again();
      expect(replay.status).toBe(409);
      expect(replay.headers.get("idempotent-replayed")).toBe("true");
      expect(replay.body).toMatchObject({ error: { code: "name_taken", requestId: "second" } });
    }));

  it("reads and changes settings with their version, secrets masked both ways", () =>
    withTown(async (host) => {
      const env = { API_KEY: "a-long-secret-here", PLAIN: "1" };
      const changed = await host.ask("PATCH", `${T}/config`, { env, review: { gates: ["npm test"] } });
      expect(changed.body).toMatchObject({ changed: ["env", "review.gates"] });
      const read = await host.ask<{ config: { env: unknown }; effective: Record<string, unknown> }>(
        "GET",
        `${T}/config`,
      );
      expect(read.body.config.env).toEqual({ API_KEY: "****here", PLAIN: "1" });
      expect(read.body.effective["limits.max_agents"]).toEqual({ value: 12, source: "default" });
      expect(read.body.effective["staged_convoys_default"]).toEqual({ value: true, source: "town" });
      expect(JSON.stringify(read.body)).not.toContain("a-long-secret-here");

      const etag = read.headers.get("etag") ?? "";
      const same = await host.ask("PATCH", `${T}/config`, read.body.config, {
        authorization: `Bearer gtl_local-token-of-the-tests-only`,
        "if-match": etag,
      });
      expect(same.body).toMatchObject({ changed: [] });
      expect(host.actor.read((town) => town.config().config.env)).toEqual({
        API_KEY: expect.stringMatching(/^sealed:\*{4}here:v1\./),
        PLAIN: "1",
      });

      const stale = await host.ask(
        "PATCH",
        `${T}/config`,
        { env: {} },
        { authorization: `Bearer gtl_local-token-of-the-tests-only`, "if-match": '"cfg-0"' },
      );
      expect(stale.status).toBe(412);
      const unknown = await host.ask("PATCH", `${T}/config`, { nope: 1 });
      expect(unknown.body).toMatchObject({ error: { code: "unknown_setting" } });
      const unset = await host.ask("PATCH", `${T}/config`, { $unset: ["env"] });
      expect(unset.body).toMatchObject({ changed: ["env"] });
    }));

  it("holds a bead that was only written down, and says why it is not running", () =>
    withTown(async (host) => {
      const rigId = await host.readyRig();
      const bead = await host.ask<{ id: string; held: boolean }>("POST", `${T}/rigs/${rigId}/beads`, {
        title: "later",
      });
      expect(bead).toMatchObject({ status: 201, body: { held: true } });
      const next = await host.ask<{ id: string }>("POST", `${T}/rigs/${rigId}/sling`, {
        title: "after it",
        dependsOn: [bead.body.id],
      });
      const made = (next.body as unknown as { bead: { id: string } }).bead.id;
      const why = await host.ask("GET", `${T}/beads/${made}/why`);
      expect(why.body).toMatchObject({
        waitingOn: { code: "blocked" },
        chain: [{ id: made }, { id: bead.body.id, waitingOn: { code: "held" } }],
      });
      const started = await host.ask("POST", `${T}/beads/${bead.body.id}/start`);
      expect(started.body).toMatchObject({ held: false });
    }));

  it("makes a convoy or nothing", () =>
    withTown(async (host) => {
      const rigId = await host.readyRig();
      const sling = (tasks: unknown[], more: object = {}) =>
        host.ask("POST", `${T}/convoys`, { title: "goal", rigId, tasks, ...more });
      expect((await sling([{ title: "a" }, { title: "b" }])).body).toMatchObject({
        error: { code: "dependencies_unspecified" },
      });
      expect(
        (
          await sling([
            { title: "a", dependsOn: [1] },
            { title: "b", dependsOn: [0] },
          ])
        ).body,
      ).toMatchObject({ error: { code: "dependency_cycle" } });
      expect((await host.ask<{ items: unknown[] }>("GET", `${T}/beads`)).body.items).toEqual([]);
      const made = await sling([{ title: "a" }, { title: "b", dependsOn: [0] }], { staged: true });
      expect(made).toMatchObject({
        status: 201,
        body: { state: "staged", waves: [[expect.any(String)], [expect.any(String)]] },
      });
      const started = await host.ask("POST", `${T}/convoys/${String(made.body["id"])}/start`);
      expect(started.body).toMatchObject({ state: "active" });
      expect((await host.ask("POST", `${T}/convoys/${String(made.body["id"])}/start`)).body).toMatchObject({
        error: { code: "convoy_not_staged" },
      });
    }));
});

describe("the long poll", () => {
  it("answers as soon as something newer is there", () =>
    withTown(async (host) => {
      const { body } = await host.ask<{ nextAfter: number }>("GET", `${T}/events`);
      const waiting = host.ask<{ items: { kind: string }[] }>(
        "GET",
        `${T}/events?after=${body.nextAfter}&wait=25`,
      );
      await host.ask("POST", `${T}/pause`, {});
      expect((await waiting).body.items).toMatchObject([{ kind: "town.paused" }]);
    }));

  it("answers empty when its time is over", () =>
    withTown(async (host) => {
      await host.until((town) => (town.newestSeq() > 0 ? true : undefined));
      const seq = host.actor.read((town) => town.newestSeq());
      const armed = host.ports.clock.armed(2_000);
      const waiting = host.ask<{ items: unknown[]; nextAfter: number }>(
        "GET",
        `${T}/events?after=${seq}&wait=2`,
      );
      await armed;
      host.ports.clock.advance(2_000);
      expect((await waiting).body).toEqual({ items: [], nextAfter: seq });
    }));
});
