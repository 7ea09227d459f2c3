/** Mail to a real server on this machine, and a webhook to another (spec/town.md §4). */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { MailResult } from "@gastown/server";
import {
  SMTPServer,
  type SMTPServerDataStream,
  type SMTPServerOptions,
  type SMTPServerSession,
} from "smtp-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { World } from "../testing/executable.ts";
import { mailPort } from "./mail.ts";

const PASSWORD = "planted-password";

interface Received {
  user: string | undefined;
  from: string;
  to: string[];
  text: string;
}

/** A mail server of this test; `url` without user. */
async function withServer(
  options: SMTPServerOptions,
  test: (port: number, received: Received[]) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const take = async (
    stream: SMTPServerDataStream,
    { envelope: { mailFrom, rcptTo }, user }: SMTPServerSession,
    done: () => void,
  ): Promise<void> => {
    const text = await readAll(stream);
    const from = mailFrom === false ? "" : mailFrom.address;
    received.push({ user, from, to: rcptTo.map(({ address }) => address), text });
    done();
  };
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    authOptional: true,
    logger: false,
    onAuth: ({ username, password }, _session, done) =>
      password === PASSWORD ? done(null, { user: username }) : done(new Error(`no: ${password ?? ""}`)),
    onData: (stream, session, done) => void take(stream, session, done),
    ...options,
  });
  server.on("error", () => {});
  const listening = server.listen(0, "127.0.0.1");
  await once(listening, "listening");
  try {
    await test((listening.address() as AddressInfo).port, received);
  } finally {
    await new Promise<void>((closed) => server.close(closed));
  }
}

const send = (server: string, signal = new AbortController().signal): Promise<MailResult> =>
  mailPort.send(
    {
      server,
      from: "town@example.org",
      to: "me@example.org",
      subject: "[gastown home] Needs a person: ä",
      text: "more\n",
      messageId: "<eff_1@gastown.invalid>",
      headers: { "idempotency-key": "eff_1" },
    },
    signal,
  );

describe("mail", () => {
  it("arrives with its id, signed in where a user is named", () =>
    withServer({}, async (port, received) => {
      expect(await send(`smtp://town:${PASSWORD}@127.0.0.1:${port}`)).toEqual({ type: "sent" });
      expect(received).toMatchObject([{ user: "town", from: "town@example.org", to: ["me@example.org"] }]);
      const { text = "" } = received[0] ?? {};
      expect(text).toMatch(/^Message-ID: <eff_1@gastown\.invalid>\r?$/im);
      expect(text).toMatch(/^Idempotency-Key: eff_1\r?$/im);
      expect(text).toContain("more");
    }));

  it("is refused for good for a wrong password and an unknown receiver, and names neither", () =>
    withServer(
      {
        onRcptTo: (_address, _session, done) => done(Object.assign(new Error("who?"), { responseCode: 550 })),
      },
      async (port) => {
        const wrong = await send(`smtp://town:wrong-${PASSWORD}@127.0.0.1:${port}`);
        expect(wrong.type).toBe("refused");
        const unknown = await send(`smtp://127.0.0.1:${port}`);
        expect(unknown).toEqual({ type: "refused", message: "The mail server refused it (550)." });
        expect(JSON.stringify([wrong, unknown])).not.toMatch(/planted|who\?/);
      },
    ));

  it("is tried again where the server is busy, is not there, or takes too long", async () => {
    await withServer(
      {
        onMailFrom: (_address, _session, done) =>
          done(Object.assign(new Error("busy"), { responseCode: 451 })),
      },
      async (port) => {
        expect(await send(`smtp://127.0.0.1:${port}`)).toEqual({
          type: "failed",
          message: "The mail server did not take it (451).",
          offline: false,
        });
      },
    );
    let free = 0;
    await withServer({}, (port) => Promise.resolve(void (free = port)));
    expect(await send(`smtp://127.0.0.1:${free}`)).toEqual({
      type: "failed",
      message: "The mail server could not be reached (ECONNREFUSED).",
      offline: false,
    });
    const late = new AbortController();
    const mute: SMTPServerOptions = { onMailFrom: () => late.abort() };
    await withServer(mute, async (port) => {
      expect((await send(`smtp://127.0.0.1:${port}`, late.signal)).type).toBe("failed");
    });
  });
});

describe("a town's notifiers", () => {
  const world = new World();
  beforeAll(async () => void (await world.up()));
  afterAll(() => world.end());

  it("are set with an address that is shown nowhere, tried, and taken away", async () => {
    const asked: { key: string | undefined; body: string }[] = [];
    const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      asked.push({ key: request.headers["idempotency-key"]?.toString(), body: await readAll(request) });
      response.writeHead(asked.length === 1 ? 200 : 410).end();
    };
    const hook = createServer((request, response) => void take(request, response));
    hook.listen(0, "127.0.0.1");
    await once(hook, "listening");
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/planted-path`;
    try {
      await world.repository();
      await world.must(["init"], { cwd: join(world.root, "app.git-seed") });
      await world.must(["notify", "add", "webhook", "--min-severity", "high"], { input: url });
      const shown = await world.must(["notify", "list", "--json"]);
      expect(shown.stdout).not.toContain("planted");
      expect(shown.json(z.object({ items: z.array(z.looseObject({})) })).items).toMatchObject([
        { kind: "webhook", url: "****path", min_severity: "high" },
      ]);
      await world.must(["notify", "test", "1"]);
      expect(JSON.parse(asked[0]?.body ?? "")).toMatchObject({ event: "test", id: asked[0]?.key });
      const gone = await world.run(["notify", "test", "1"]);
      expect(gone).toMatchObject({ code: 1, stdout: expect.stringContaining("It answered 410.") });
      await withServer({}, async (port, received) => {
        const server = `smtp://town:${PASSWORD}@127.0.0.1:${port}`;
        await world.must(["notify", "add", "email", "--to", "me@example.org"], { input: server });
        await world.must(["notify", "test", "2"]);
        expect(received).toMatchObject([{ user: "town", to: ["me@example.org"] }]);
      });
      await world.must(["notify", "remove", "1"]);
      expect((await world.must(["notify", "list"])).stdout).toMatch(/^1 {2}email/);
    } finally {
      hook.closeAllConnections();
      hook.close();
    }
  });
});
