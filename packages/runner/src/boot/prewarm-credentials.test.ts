/**
 * What a mayor that was opened before anybody spoke can do at its first message (spec/runner.md §3, §5).
 * The failure: one that has its tools, and no credential, no name or another place than a started one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import type { RigRef, StartRequest } from "@gastown/protocol";
import { git, script } from "../testing/harness.ts";
import { close, control, forge, open, own, rig, tokenOf, until, world } from "../testing/credential-world.ts";
import { TOKEN_LIFE_MS } from "../testing/token-forge.ts";
import { newId } from "../ulid.ts";

vi.setConfig({ testTimeout: 320_000, hookTimeout: 120_000 });

afterEach(close);

/** A runner that opens a mayor by itself; nothing has been said to it. */
async function prewarmed(checkouts = (): RigRef[] => [rig]): Promise<StartRequest> {
  let start: StartRequest | null = null;
  await open({}, () => {
    const none = { rig: null, bead: null, branch: null, target: null, start_point: null, prompt: null };
    start = world.start("", { role: "mayor", checkouts: checkouts(), ...none });
    const { agent } = start;
    world.town.prewarms = start;
    world.town.launchContext = {
      agent_id: agent.id,
      agent,
      runtime: "scripted",
      model: null,
      small_model: null,
      organization: null,
      spec_version: "v1",
      config_version: 1,
    };
  });
  await until("an idle mayor", () =>
    world.town.heartbeats.at(-1)?.sessions.some(({ state }) => state === "idle"),
  );
  if (start === null) throw new Error("Nothing was prewarmed.");
  return start;
}

/** What the commands of the mayor's turn printed. */
async function says(start: StartRequest, message_id: string, command: string): Promise<string> {
  const out = join(world.dir, message_id);
  const text = script({ steps: [{ run: `{ ${command}; } > ${out} 2>&1; echo "exit $?" >> ${out}` }] });
  const message = { message_id, epoch: start.epoch, text, mode: "when_idle" };
  expect((await control.post(`/agents/${start.session_id}/message`, message)).status).toBe(202);
  await until("its turn", () => world.town.turns.some((turn) => turn.message_id === message_id));
  return readFileSync(out, "utf8").trim();
}

it("works with gh and git under its own name at its first message and long after its tokens expired", async () => {
  const start = await prewarmed();
  expect(world.town.tokenRequests.filter(({ purpose }) => purpose === "api")).toEqual([]);
  const look = "gh pr list && git fetch -q origin && git config user.name && git config user.email";
  const { name, email } = start.author;
  expect(await says(start, "m1", `cd checkouts/app && ${look}`)).toBe(`gh 200\n${name}\n${email}\nexit 0`);
  forge.now += 5 * TOKEN_LIFE_MS;
  expect(await says(start, "m2", `cd checkouts/app && ${look}`)).toBe(`gh 200\n${name}\n${email}\nexit 0`);
  expect(forge.refused).toEqual([]);

  const asked = world.town.tokenRequests.filter(({ purpose }) => purpose === "api");
  expect(asked).toHaveLength(2);
  for (const one of asked)
    expect(one).toMatchObject({ session_id: start.session_id, epoch: start.epoch, rig_id: rig.id });
  const commits = await says(
    start,
    "m3",
    `cd checkouts/app && git commit -q --allow-empty -m x && git log -1 --format='%an <%ae> %cn' && git push -q ${own(start)}`,
  );
  expect(commits).toContain(`${name} <${email}> ${name}`);
  expect(git(world.remote, "for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
  expect(world.logs.filter(({ event }) => event === "agent.process_started")).toHaveLength(1);
});

it("has gh in its own directory too, for its only rig or for the one that is named", async () => {
  const start = await prewarmed();
  expect(await says(start, "m1", "gh pr list")).toBe("gh 200\nexit 0");
  expect(await says(start, "m2", "gh pr list -R somebody/else")).toMatch(/own repository only[^]*exit 1$/);
});

it("chooses between its rigs by the repository that gh is asked about, each with its own token", async () => {
  const second = newId("rig");
  const start = await prewarmed(() => {
    git(world.dir, "clone", "--quiet", "--bare", world.remote, "second.git");
    world.town.onToken = (asked) => {
      const given = tokenOf(asked);
      return asked.rig_id === second ? { ...given, token: forge.mint("second") } : given;
    };
    return [rig, { ...rig, id: second, name: "second", git_url: forge.url("second") }];
  });
  expect(await says(start, "m1", `gh pr list -R ${forge.host}/second`)).toBe("gh 200\nexit 0");
  expect(await says(start, "m2", `gh pr list --repo=${forge.host}/remote`)).toBe("gh 200\nexit 0");
  expect(await says(start, "m3", "gh pr list")).toMatch(
    /name one with --repo: .*remote, .*second[^]*exit 1$/,
  );
  const asked = world.town.tokenRequests.filter(({ purpose }) => purpose === "api");
  expect(asked.map(({ rig_id }) => rig_id)).toEqual([second, rig.id]);
  expect(forge.refused).toEqual([]);
});
