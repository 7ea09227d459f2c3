import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { START } from "../testing/ports.ts";
import { sqlServerStore } from "./sql-store.ts";
import type { ServerStore } from "./store.ts";

const DAY = 86_400_000;
const withStore = (test: (store: ServerStore) => void): Promise<void> =>
  withSql((sql) => {
    test(sqlServerStore(sql));
    // Opening it again on the same database changes nothing.
    sqlServerStore(sql);
  });

describe("login codes", () => {
  it("are taken once, until their time", () =>
    withStore((store) => {
      store.putLoginCode("a", START + 10);
      store.putLoginCode("b", START + 10);
      expect(store.takeLoginCode("c", START)).toBe(false);
      expect(store.takeLoginCode("a", START + 10)).toBe(true);
      expect(store.takeLoginCode("a", START + 10)).toBe(false);
      expect(store.takeLoginCode("b", START + 11)).toBe(false);
    }));
});

describe("browser sessions", () => {
  it("slide for 30 days of use, and end after 90", () =>
    withStore((store) => {
      store.putBrowserSession("s", START);
      expect(store.touchBrowserSession("x", START)).toBe(false);
      for (const day of [30, 60, 90])
        expect(store.touchBrowserSession("s", START + day * DAY), `day ${day}`).toBe(true);
      expect(store.touchBrowserSession("s", START + 90 * DAY + 1)).toBe(false);
      store.putBrowserSession("t", START);
      expect(store.touchBrowserSession("t", START + 30 * DAY + 1)).toBe(false);
    }));

  it("end when they are dropped", () =>
    withStore((store) => {
      store.putBrowserSession("s", START);
      store.dropBrowserSession("s");
      expect(store.touchBrowserSession("s", START)).toBe(false);
    }));
});

describe("calls", () => {
  const call = { principal: "u", key: "k", fingerprint: "f" };

  it("run once, are answered again, and keep their key from other requests", () =>
    withStore((store) => {
      expect(store.beginCall(call, START)).toEqual({ type: "begun" });
      expect(store.beginCall(call, START)).toEqual({ type: "running" });
      expect(store.beginCall({ ...call, fingerprint: "g" }, START)).toEqual({ type: "other" });
      expect(store.beginCall({ ...call, principal: "v" }, START)).toEqual({ type: "begun" });
      store.endCall("u", "k", { status: 201, body: "{}" });
      expect(store.beginCall(call, START)).toEqual({ type: "answered", status: 201, body: "{}" });
      expect(store.beginCall(call, START + DAY + 1)).toEqual({ type: "begun" });
    }));

  it("may run again when they were forgotten, or when a crash left them open", () =>
    withStore((store) => {
      store.beginCall(call, START);
      store.endCall("u", "k", null);
      expect(store.beginCall(call, START)).toEqual({ type: "begun" });
      expect(store.beginCall(call, START + 59_999)).toEqual({ type: "running" });
      expect(store.beginCall(call, START + 60_000)).toEqual({ type: "begun" });
    }));
});
