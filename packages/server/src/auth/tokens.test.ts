import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { START } from "../testing/ports.ts";
import {
  assertFresh,
  GRACE_MS,
  RUNNER_TOKEN_MS,
  SESSION_TOKEN_MS,
  signRunnerToken,
  signSessionToken,
  verifyRunnerToken,
  verifySessionToken,
  type SessionToken,
} from "./tokens.ts";

const key = (kid: string, fill: number) => ({ kid, secret: new Uint8Array(32).fill(fill) });
const keys = [key("new", 1), key("old", 2)];
const claims: SessionToken = {
  sessionId: "sess_1",
  townId: "town_1",
  rigId: null,
  agentId: "agent_1",
  role: "polecat",
  epoch: 3,
};

describe("session tokens", () => {
  it("come back as they were signed, by the two newest keys", async () => {
    const token = await signSessionToken(keys, claims, START);
    expect(await verifySessionToken(keys, token, START)).toEqual({
      claims,
      expiresAt: START + SESSION_TOKEN_MS,
      expired: false,
    });
    const rotated = [key("newest", 3), ...keys];
    expect((await verifySessionToken(rotated, token, START)).claims).toEqual(claims);
    await expect(verifySessionToken([key("a", 4), ...rotated], token, START)).rejects.toMatchObject({
      code: "token_invalid",
    });
  });

  it("are proved once: seen again they still end, and still belong to their keys and their purpose", async () => {
    const token = await signSessionToken(keys, claims, START);
    const end = START + SESSION_TOKEN_MS + 30_000;
    const times = [START, end - 1_000, end, START];
    const expired = [];
    for (const now of times) expired.push((await verifySessionToken(keys, token, now)).expired);
    expect(expired).toEqual([false, false, true, false]);
    await expect(verifyRunnerToken(keys, token, START)).rejects.toMatchObject({ code: "token_invalid" });
    const others = [key("new", 9)];
    await expect(verifySessionToken(others, token, START)).rejects.toMatchObject({ code: "token_invalid" });
    await expect(verifySessionToken(keys, `${token}x`, START)).rejects.toMatchObject({
      code: "token_invalid",
    });
  });

  it("end at the same moment whether they were seen before or not", async () => {
    const token = await signSessionToken(keys, claims, START);
    for (const now of [START + SESSION_TOKEN_MS + 29_999, START + SESSION_TOKEN_MS + 30_000]) {
      const seen = (await verifySessionToken(keys, token, now)).expired;
      expect((await verifySessionToken([...keys], token, now)).expired).toBe(seen);
    }
  });

  it("are refused with another key, algorithm, audience or issuer", async () => {
    const wrong = await signSessionToken([key("new", 9)], claims, START);
    const runner = await signRunnerToken(keys, { instanceId: "run_1", townId: "town_1", epoch: 3 }, START);
    const payload = { town: "town_1", rig: null, agent: "agent_1", role: "polecat", epoch: 3 };
    const unsigned = new UnsecuredJWT(payload)
      .setIssuer("gastown")
      .setAudience("gastown:session")
      .setSubject("sess_1")
      .setIssuedAt(START / 1000)
      .setExpirationTime(START / 1000 + 60)
      .encode();
    const issuer = await new SignJWT(payload)
      .setProtectedHeader({ alg: "HS256", kid: "new" })
      .setIssuer("other")
      .setAudience("gastown:session")
      .setSubject("sess_1")
      .setIssuedAt(START / 1000)
      .setExpirationTime(START / 1000 + 60)
      .sign(new Uint8Array(32).fill(1));
    for (const token of [wrong, runner.token, unsigned, issuer, "", "a.b.c", "gtl_x"]) {
      await expect(verifySessionToken(keys, token, START)).rejects.toMatchObject({ code: "token_invalid" });
    }
  });

  it("are refused when a claim is missing or of another shape", async () => {
    const token = await new SignJWT({ town: "town_1", epoch: "3" })
      .setProtectedHeader({ alg: "HS256", kid: "new" })
      .setIssuer("gastown")
      .setAudience("gastown:session")
      .setSubject("sess_1")
      .setIssuedAt(START / 1000)
      .setExpirationTime(START / 1000 + 60)
      .sign(new Uint8Array(32).fill(1));
    await expect(verifySessionToken(keys, token, START)).rejects.toMatchObject({ code: "token_invalid" });
  });

  it("are known as expired only after the signature held, and count within the grace", async () => {
    const token = await signSessionToken(keys, claims, START);
    const later = START + SESSION_TOKEN_MS + 31_000;
    const verified = await verifySessionToken(keys, token, later);
    expect(verified).toMatchObject({ expired: true, claims });
    expect((await verifySessionToken(keys, token, later - 2_000)).expired).toBe(false);
    const forged = await signSessionToken([key("new", 9)], claims, START);
    await expect(verifySessionToken(keys, forged, later)).rejects.toMatchObject({ code: "token_invalid" });
    expect(() => assertFresh(verified, verified.expiresAt + GRACE_MS, GRACE_MS)).not.toThrow();
    expect(() => assertFresh(verified, verified.expiresAt + GRACE_MS + 1, GRACE_MS)).toThrow(/past its end/);
    expect(() => assertFresh(verified, later, 0)).toThrow(/past its end/);
  });
});

describe("runner tokens", () => {
  it("come back as they were signed, and are no session tokens", async () => {
    const { token, expiresAt } = await signRunnerToken(
      keys,
      { instanceId: "run_1", townId: "town_1", epoch: 2 },
      START,
    );
    expect(expiresAt).toBe(START + RUNNER_TOKEN_MS);
    expect(await verifyRunnerToken(keys, token, START)).toEqual({
      claims: { instanceId: "run_1", townId: "town_1", epoch: 2 },
      expiresAt,
      expired: false,
    });
    const session = await signSessionToken(keys, claims, START);
    await expect(verifyRunnerToken(keys, session, START)).rejects.toMatchObject({ code: "token_invalid" });
  });
});
