/** The chain of tokens against a forge: an app's token is signed for, exchanged, used, and minted anew (spec/review.md §4.2). */
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ForgeSimulator, SimulatedRepository } from "../simulator/index.ts";
import { createTokenResolver, type ForgeTokenAnswer } from "../src/index.ts";
import { signal, startForgeSimulator, tokenOf, valueOf, forgeFor } from "./world.ts";

const pair = () =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

const keys = pair();
let simulator: ForgeSimulator;
let repository: SimulatedRepository;
let other: SimulatedRepository;
beforeAll(async () => {
  simulator = await startForgeSimulator();
  repository = await simulator.repository({ forge: "github", path: "acme/tool", members: { last: "write" } });
  other = await simulator.repository({ forge: "github", path: "acme/other" });
  simulator.app({ id: 7, slug: "town", publicKey: keys.publicKey, installations: { 70: ["acme/tool"] } });
});
afterAll(() => simulator.close());

/** Resolves for the repository with this key of the app, and a last token behind it. */
function chain(warned: string[] = []) {
  const { host } = new URL(simulator.url);
  const resolve = createTokenResolver({
    fetch,
    now: simulator.clock.now,
    warn: (source, reason) => void warned.push(`${source}: ${reason}`),
    github: { host, apiUrl: `${simulator.url}/api/v3` },
  });
  const github_token = simulator.token("last");
  return (key: string): Promise<ForgeTokenAnswer> =>
    resolve({
      host,
      repository: "acme/tool",
      credentials: { town: { github_app: { id: 7, installation: 70, key }, github_token }, rig: {} },
    });
}

it("mints one for this repository, keeps it, and mints another before it expires", async () => {
  const ask = chain();
  const first = await ask(keys.privateKey);
  expect(first).toMatchObject({ ok: true, source: "town integration", tried: ["github_cli_pat"] });
  const at = forgeFor(repository, simulator, () => tokenOf(first));
  expect(valueOf(await at.repository(signal))).toMatchObject({ defaultBranch: "main", canPush: true });
  expect(await forgeFor(other, simulator, () => tokenOf(first)).repository(signal)).toMatchObject({
    kind: "http_error",
    status: 404,
  });
  expect(await ask(keys.privateKey)).toEqual(first);
  simulator.clock.advance(56 * 60_000);
  const second = await ask(keys.privateKey);
  expect(tokenOf(second)).not.toBe(tokenOf(first));
  simulator.clock.advance(5 * 60_000);
  expect(await at.repository(signal)).toMatchObject({ kind: "http_error", status: 401 });
  const now = forgeFor(repository, simulator, () => tokenOf(second));
  expect(valueOf(await now.repository(signal))).toMatchObject({ defaultBranch: "main" });
});

it("falls through with a warning where the forge does not take the app's key", async () => {
  const warned: string[] = [];
  const answer = await chain(warned)(pair().privateKey);
  expect(answer).toMatchObject({
    ok: true,
    source: "github_token",
    tried: ["github_cli_pat", expect.stringMatching(/^town integration \(not available: .+\)$/)],
  });
  expect(warned).toHaveLength(1);
  const at = forgeFor(repository, simulator, () => tokenOf(answer));
  expect(valueOf(await at.repository(signal))).toMatchObject({ canPush: true });
});
