/** Every query that we send is one of GitHub's public schema, and what it answers amiss is unknown. */
import { schema as published } from "@octokit/graphql-schema";
import { buildSchema, parse, validate } from "graphql";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ForgeSimulator } from "../simulator/index.ts";
import { QUERIES } from "../src/github/queries.ts";
import { opened, signal, startForgeSimulator, worldOf } from "./world.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

describe("GitHub's public schema", () => {
  const schema = buildSchema(published.idl, { assumeValid: true });
  const errorsOf = (query: string): string[] => validate(schema, parse(query)).map(({ message }) => message);

  it.each(Object.entries(QUERIES))("has everything that %s asks for", (_name, query) => {
    expect(errorsOf(query)).toEqual([]);
  });

  it("would not let a field pass that it has not", () => {
    expect(errorsOf(QUERIES.threads.replace("isResolved", "isSettled"))).toHaveLength(1);
  });
});

describe("answers of GraphQL", () => {
  let simulator: ForgeSimulator;
  beforeAll(async () => {
    simulator = await startForgeSimulator();
  });
  afterAll(() => simulator.close());

  const answer = (change: (text: string) => string) => ({
    kind: "rewrite" as const,
    change: (body: unknown): unknown => JSON.parse(change(JSON.stringify(body))),
  });
  const errors = (type: string) =>
    answer(() => JSON.stringify({ data: null, errors: [{ type, message: "secret" }] }));
  const unknown = { state: "unknown" };

  it.each([
    ["errors beside data", errors("FORBIDDEN"), { state: "unknown", why: "403 GraphQL FORBIDDEN" }],
    ["a rate limit", errors("RATE_LIMITED"), { state: "unknown", why: "429 GraphQL RATE_LIMITED" }],
    [
      "a failure without a type",
      answer(() => '{"errors":[{"message":"secret"}]}'),
      { state: "unknown", why: "502 GraphQL error" },
    ],
    [
      "a field that is gone",
      answer((text) => text.replaceAll('"isResolved"', '"was"').replaceAll('"headRefOid"', '"was"')),
      unknown,
    ],
    [
      "a head that moved, a page that ends nowhere",
      answer((text) =>
        text
          .replaceAll(/"headRefOid":"./g, '"headRefOid":"x')
          .replaceAll('"hasNextPage":false,"endCursor":"MQ=="', '"hasNextPage":true,"endCursor":null'),
      ),
      unknown,
    ],
    ["truncated", { kind: "truncate" as const }, unknown],
  ])("%s makes its signals unknown", async (_name, fault, expected) => {
    simulator.faults.clear();
    const at = await worldOf("github", simulator);
    const { url, number } = await opened(at);
    await at.repository.thread(number, { by: "ann", body: "why?", path: "src/a.txt", line: 2 });
    simulator.faults.add({ path: /graphql/, times: 2, fault });
    const read = await at.forge.read(url, signal);
    expect(read).toMatchObject({
      outcome: { kind: "ok" },
      signals: { threads: expected, approval: expected, checks: { state: "known" } },
    });
    expect(JSON.stringify(read)).not.toContain("secret");
  });

  it.each([
    ["reviewDecision", /"reviewDecision":null/, '"reviewDecision":"ASTONISHED"'],
    ["a review's state", /"nodes":\[\{"state":"APPROVED"/, '"nodes":[{"state":"DELIGHTED"'],
  ])("an unknown value of %s is no approval", async (_name, from, to) => {
    simulator.faults.clear();
    const at = await worldOf("github", simulator);
    const { url, number } = await opened(at);
    await at.repository.approve(number, "ann");
    simulator.faults.add({ path: /graphql/, times: 2, fault: answer((text) => text.replace(from, to)) });
    expect(await at.forge.read(url, signal)).toMatchObject({
      signals: { approval: unknown, threads: { state: "known" } },
    });
  });
});
