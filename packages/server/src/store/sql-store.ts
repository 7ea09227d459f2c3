/** The server's storage on any `Sql` port. */
import type { Row, Sql } from "@gastown/town";
import type { BegunCall, ServerStore } from "./store.ts";

const DAY_MS = 86_400_000;
const SLIDING_MS = 30 * DAY_MS;
const ABSOLUTE_MS = 90 * DAY_MS;
const CALLS_KEPT_MS = DAY_MS;
/** A call that a crash left open may be made again after this time. */
const CALL_ABANDONED_MS = 60_000;

const SCHEMA = `
create table if not exists login_codes (
  hash text primary key, expires_at integer not null) strict, without rowid;
create table if not exists browser_sessions (
  hash text primary key, created_at integer not null, used_at integer not null) strict, without rowid;
create table if not exists calls (
  principal text not null, key text not null, fingerprint text not null, begun_at integer not null,
  status integer, body text, primary key (principal, key)) strict, without rowid;
create index if not exists calls_by_age on calls (begun_at);
`;

type CallRow = Row & { fingerprint: string; begun_at: number; status: number | null; body: string | null };

/** Makes its tables where they are missing. Everything is one short transaction. */
export function sqlServerStore(sql: Sql): ServerStore {
  sql.exec(SCHEMA);

  const beginCall = (
    call: { principal: string; key: string; fingerprint: string },
    now: number,
  ): BegunCall => {
    sql.run("delete from calls where begun_at < ?", now - CALLS_KEPT_MS);
    const row = sql.get<CallRow>(
      "select fingerprint, begun_at, status, body from calls where principal = ? and key = ?",
      call.principal,
      call.key,
    );
    if (row !== undefined) {
      if (row.fingerprint !== call.fingerprint) return { type: "other" };
      if (row.status !== null) return { type: "answered", status: row.status, body: row.body ?? "" };
      if (row.begun_at > now - CALL_ABANDONED_MS) return { type: "running" };
    }
    sql.run(
      `insert into calls (principal, key, fingerprint, begun_at) values (?, ?, ?, ?)
       on conflict (principal, key) do update set begun_at = excluded.begun_at`,
      call.principal,
      call.key,
      call.fingerprint,
      now,
    );
    return { type: "begun" };
  };

  return {
    putLoginCode(hash, expiresAt) {
      sql.run("insert or replace into login_codes (hash, expires_at) values (?, ?)", hash, expiresAt);
    },
    takeLoginCode: (hash, now) =>
      sql.transaction(() => {
        sql.run("delete from login_codes where expires_at < ?", now);
        return sql.get("delete from login_codes where hash = ? returning hash", hash) !== undefined;
      }),
    putBrowserSession(hash, now) {
      sql.run(
        "insert or replace into browser_sessions (hash, created_at, used_at) values (?, ?, ?)",
        hash,
        now,
        now,
      );
    },
    touchBrowserSession: (hash, now) =>
      sql.transaction(() => {
        sql.run(
          "delete from browser_sessions where used_at < ? or created_at < ?",
          now - SLIDING_MS,
          now - ABSOLUTE_MS,
        );
        return (
          sql.get("update browser_sessions set used_at = ? where hash = ? returning hash", now, hash) !==
          undefined
        );
      }),
    dropBrowserSession(hash) {
      sql.run("delete from browser_sessions where hash = ?", hash);
    },
    beginCall: (call, now) => sql.transaction(() => beginCall(call, now)),
    endCall(principal, key, answer) {
      if (answer === null) {
        sql.run("delete from calls where principal = ? and key = ?", principal, key);
        return;
      }
      sql.run(
        "update calls set status = ?, body = ? where principal = ? and key = ?",
        answer.status,
        answer.body,
        principal,
        key,
      );
    },
  };
}
