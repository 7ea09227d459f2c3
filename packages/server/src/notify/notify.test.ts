/** Notifiers as people set them, and what carries a notice to them (spec/api.md §2.9, §3.13). */
import { withSql } from "#host";
import type { EffectAnswer } from "@gastown/town";
import { describe, expect, it } from "vitest";
import { seal } from "../credentials/seal.ts";
import type { RequestOf } from "../effects/context.ts";
import { TOWN, townsOn, type Answer, type TownHost } from "../testing/town-host.ts";
import { testPorts } from "../testing/ports.ts";
import { addressKey, sendNotice, type NotifyWays } from "./send.ts";

const T = `/api/towns/${TOWN}`;
const onTown = townsOn(withSql);
const PLANTED = "planted0123456789";
const SLACK = `https://hooks.slack.example/services/${PLANTED}`;
const MAIL = `smtps://town:${PLANTED}@mail.example`;

interface Shown {
  config: { notify?: Record<string, unknown>[] };
  effective: Record<string, { value: unknown }>;
}
const config = async (host: TownHost): Promise<Shown> => (await host.ask<Shown>("GET", `${T}/config`)).body;
const set = (host: TownHost, notify: unknown): Promise<Answer> =>
  host.ask("PATCH", `${T}/config`, { notify });
const codeOf = (answer: Answer): unknown => (answer.body["error"] as { code?: string } | undefined)?.code;

describe("notifiers in the settings", () => {
  it("show no address, and keep it when what was shown is sent back, in another order too", () =>
    withSql((sql) =>
      townsOn((test) => test(sql))(async (host) => {
        await set(host, [
          { kind: "slack", url: SLACK, min_severity: "high" },
          { kind: "email", address: "me@example.org", url: MAIL, events: ["budget.warned"] },
        ]);
        const before = await config(host);
        expect(before.config.notify).toMatchObject([
          { kind: "slack", url: "****6789", min_severity: "high", id: expect.any(String) },
          {
            kind: "email",
            url: expect.stringMatching(/^\*{4}/),
            address: "me@example.org",
            events: ["budget.warned"],
          },
        ]);
        const rows = sql.all("select * from secrets where scope = 'notify' order by key");
        expect(rows).toHaveLength(2);
        const turned = before.config.notify?.toReversed();
        expect((await set(host, turned)).body).toMatchObject({ changed: ["notify"] });
        expect((await config(host)).config.notify).toEqual(turned);
        expect(sql.all("select * from secrets where scope = 'notify' order by key")).toEqual(rows);
        const everything = [
          ...sql.all("select * from config"),
          ...sql.all("select * from audit"),
          ...sql.all("select * from secrets"),
          await config(host),
        ];
        expect(JSON.stringify(everything)).not.toContain(PLANTED);
      }),
    ));

  it("say that an address changed although its mask did not, and forget what is taken away", () =>
    withSql((sql) =>
      townsOn((test) => test(sql))(async (host) => {
        const sealed = (): unknown => sql.get("select sealed from secrets where scope = 'notify'");
        await set(host, [{ kind: "slack", url: SLACK }]);
        const [stored] = (await config(host)).config.notify ?? [];
        const first = sealed();
        const again = await set(host, [{ ...stored, url: `${SLACK}/6789` }]);
        expect(again.body).toMatchObject({ changed: ["notify"] });
        expect(sealed()).not.toEqual(first);
        await host.ask("PATCH", `${T}/config`, { $unset: ["notify"] });
        expect(sealed()).toBeUndefined();
        expect((await config(host)).config.notify).toBeUndefined();
      }),
    ));

  it.each([
    [
      "a mask where nothing is stored",
      { kind: "slack", url: "****abcd", id: "00000000" },
      "masked_value_unknown",
    ],
    ["a url of another kind", { kind: "slack", url: `ftp://x.example/${PLANTED}` }, "validation_failed"],
    ["Slack without encryption", { kind: "slack", url: `http://x.example/${PLANTED}` }, "validation_failed"],
    ["mail without a receiver", { kind: "email", url: MAIL }, "validation_failed"],
    ["an event that is none", { kind: "slack", url: SLACK, events: ["moon.rise"] }, "validation_failed"],
    ["what it does not know", { kind: "slack", url: SLACK, moon: 1 }, "unknown_setting"],
  ])("refuse %s without repeating it", (_name, one, code) =>
    onTown(async (host) => {
      const answer = await set(host, [one]);
      expect(codeOf(answer)).toBe(code);
      expect(JSON.stringify(answer.body)).not.toContain(PLANTED);
    }),
  );

  it("are no setting of a rig", () =>
    onTown(async (host) => {
      const rig = await host.readyRig();
      const answer = await host.ask("PATCH", `${T}/rigs/${rig}/config`, { notify: [] });
      expect(codeOf(answer)).toBe("unknown_setting");
    }));
});

const NOTICE: RequestOf<"notify">["notice"] = {
  id: "eff_1",
  event: "escalation.created",
  at: "2026-01-02T03:04:05.000Z",
  severity: "high",
  town: { id: TOWN, name: "a <b>" },
  subject: { type: "bead", id: "esc_1" },
  text: "Needs a person: 1 < 2 & 3",
  detail: "more",
};

interface Sent {
  url: string;
  init: RequestInit;
}

async function send(
  kind: "slack" | "webhook" | "email",
  respond: () => Response | Promise<Response>,
  ways: NotifyWays = {},
): Promise<{ answer: EffectAnswer; sent: Sent[] }> {
  const ports = await testPorts();
  const sent: Sent[] = [];
  const id = "0a0a0a0a";
  const place = { townId: TOWN, key: addressKey(id) };
  const sealed = await seal(ports.sealingKeys, ports.randomBytes, place, kind === "email" ? MAIL : SLACK);
  const notifier =
    kind === "email" ? { kind, id, url: "****", address: "me@example.org" } : { kind, id, url: "****" };
  const answer = await sendNotice(
    {
      sealingKeys: ports.sealingKeys,
      fetch: async (input, init = {}) => {
        sent.push({ url: new Request(input).url, init });
        return respond();
      },
      ...ways,
    },
    TOWN,
    { kind: "notify", notifier, sealed, notice: NOTICE },
    new AbortController().signal,
  );
  expect(JSON.stringify(answer)).not.toContain(PLANTED);
  return { answer, sent };
}

function jsonOf(init: RequestInit | undefined): unknown {
  return typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
}

describe("a notice", () => {
  it("is a webhook's POST of itself, with its id in a header, and goes nowhere else", async () => {
    const { answer, sent } = await send("webhook", () => new Response("ok"));
    expect(answer).toEqual({ type: "done" });
    const [{ url, init } = { url: "", init: {} }] = sent;
    expect(url).toBe(SLACK);
    expect(init).toMatchObject({ method: "POST", redirect: "manual" });
    expect(new Headers(init.headers).get("idempotency-key")).toBe("eff_1");
    expect(jsonOf(init)).toEqual(NOTICE);
  });

  it("is text for Slack, whose own characters it cannot forge", async () => {
    const { sent } = await send("slack", () => new Response("ok"));
    expect(jsonOf(sent[0]?.init)).toEqual({
      text: "*a &lt;b&gt;* (high): Needs a person: 1 &lt; 2 &amp; 3\nmore",
    });
  });

  it.each([
    [404, {}, { type: "refused", reason: { code: "refused_there", message: "It answered 404." } }],
    [302, {}, { type: "refused", reason: { code: "refused_there", message: "It answered 302." } }],
    [
      429,
      { "retry-after": "7" },
      { type: "retry", counted: true, retryAfterMs: 7_000, message: "It answered 429." },
    ],
    [429, { "retry-after": "999999" }, { type: "retry", counted: true, retryAfterMs: 600_000 }],
    [500, {}, { type: "retry", counted: true, message: "It answered 500." }],
  ])("answered with %i is done, dead or tried again", async (status, headers, answer) => {
    expect((await send("slack", () => new Response(null, { status, headers }))).answer).toMatchObject(answer);
  });

  it("that meets no network is tried again without counting, and one that meets nobody counts", async () => {
    const failed = (code: string) => () =>
      Promise.reject(new TypeError("failed", { cause: Object.assign(new Error(SLACK), { code }) }));
    expect((await send("slack", failed("EAI_AGAIN"))).answer).toMatchObject({
      type: "retry",
      counted: false,
    });
    expect((await send("slack", failed("ECONNREFUSED"))).answer).toEqual({
      type: "retry",
      message: "It could not be reached (ECONNREFUSED).",
      counted: true,
    });
  });

  it("by mail is refused where the host has no mail", async () => {
    const { answer } = await send("email", () => new Response("ok"));
    expect(answer).toMatchObject({ type: "refused", reason: { code: "unsupported" } });
  });

  it("without an address that opens here is refused", async () => {
    const { answer } = await send("slack", () => new Response("ok"), {});
    expect(answer).toEqual({ type: "done" });
    const other = await sendNotice(
      { sealingKeys: (await testPorts()).sealingKeys },
      TOWN,
      {
        kind: "notify",
        notifier: { kind: "slack", id: "0b0b0b0b", url: "****" },
        sealed: null,
        notice: NOTICE,
      },
      new AbortController().signal,
    );
    expect(other).toMatchObject({ type: "refused", reason: { code: "address_missing" } });
  });
});

describe("trying a notifier", () => {
  it("says what became of it, and takes only what is there", () =>
    onTown(async (host) => {
      const answers = [new Response("ok"), new Response("no", { status: 403 })];
      const asked: unknown[] = [];
      host.ports.notifiers = {
        fetch: (_input, init) => {
          asked.push(jsonOf(init));
          return Promise.resolve(answers.shift() ?? Response.error());
        },
      };
      await set(host, [{ kind: "webhook", url: SLACK }]);
      const test = (index: number): Promise<Answer> => host.ask("POST", `${T}/config/notify/test`, { index });
      expect((await test(0)).body).toEqual({ delivered: true, message: "It was delivered." });
      expect(asked).toMatchObject([{ event: "test", town: { id: TOWN } }]);
      expect((await test(0)).body).toEqual({ delivered: false, message: "It answered 403." });
      expect((await test(1)).status).toBe(404);
    }));
});
