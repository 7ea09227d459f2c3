/** Convoys over pull requests that do not go straight on (spec/review.md §5). */
import { escalationShape, type ConvoyDetail } from "@gastown/protocol";
import { expect, it } from "vitest";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { expectOutcome } from "./outcome.ts";
import { TEST_C_REVIEW } from "./scenarios/landed-chain.ts";
import { change } from "./scenarios/steps.ts";
import { Stage } from "./stage.ts";
import { convoyLanded, readConvoy, slingConvoy, type Part } from "./story.ts";

const part = (index: number, more: Omit<Part, "script"> = {}): Part => ({
  ...more,
  script: { steps: change(`part-${index}.txt`, `${index}\n`, `Part ${index}`) },
});
const setting = { forge: "github", review: TEST_C_REVIEW, condition: { kind: "healthy" } } as const;
const MINUTE = 60_000;

async function openQuestions({ town }: Stage): Promise<string[]> {
  const path = `${town.townPath}/escalations`;
  const { items } = await town.api().get(listOf(escalationShape), path, { open: "true" });
  return items.map(({ category }) => category);
}

const landingsOf = ({ landing }: ConvoyDetail, rigId: string): string[] =>
  landing.filter((one) => one.rigId === rigId).map(({ state }) => state);

it("lands each rig by a pull request of its own", async () => {
  const stage = await Stage.set({ ...setting, twoRigs: true });
  const [app = "", web = ""] = stage.repositories.keys();
  const { id } = await slingConvoy(stage, {
    title: "Two rigs",
    mode: "review-then-land",
    parts: [part(0, { rigId: app }), part(1, { rigId: web })],
  });
  const { featureBranches } = await convoyLanded(stage, id);
  const into = (rig: string): string[] => [featureBranches[rig] ?? "", "main"];
  await expectOutcome(stage, {
    bases: [into(app), into(web)],
    files: [{ "part-0.txt": "0\n" }, { "part-1.txt": "1\n" }],
  });
});

it("is held by a member whose pull request was closed, and goes on when a person wants that", async () => {
  const stage = await Stage.set(setting);
  const { repository, town } = stage;
  // It waits for this program, and a person is faster.
  repository.checkEveryHead({ name: "ci", status: "in_progress", conclusion: null });
  const { id, nodes } = await slingConvoy(stage, {
    title: "Held",
    mode: "review-and-merge",
    parts: [part(0), part(1)],
  });
  const [first = "", second = ""] = nodes.map(({ beadId }) => beadId);
  await stage.until("its pull request", async () =>
    (await town.bead(first)).mergeRequest?.waitingOn?.code === "checks" ? true : undefined,
  );
  await repository.close(1);
  await stage.until("the bead to be held", async () => ((await town.bead(first)).held ? true : undefined));
  expect(await openQuestions(stage)).toEqual(["pr_closed"]);
  expect(await town.bead(first)).toMatchObject({ status: "open", reason: "pr_closed" });
  expect(await town.bead(second)).toMatchObject({ status: "open", waitingOn: { code: "blocked" } });

  repository.checkEveryHead({ name: "ci" });
  await repository.reopen(1);
  await town.world.must(["merge", "retry", first]);
  await convoyLanded(stage, id);
  await expectOutcome(stage, {
    bases: [["main", "main"]],
    files: [{ "part-0.txt": "0\n", "part-1.txt": "1\n" }],
  });
});

it("tries a landing that was refused again, each time after a longer wait", async () => {
  const stage = await Stage.set(setting);
  const { town, simulator } = stage;
  // The first pull request is the member's; two of those that are to land it are refused for good.
  const refusal = { kind: "status", status: 403, body: JSON.stringify({ message: "No." }) } as const;
  simulator.faults.add({ method: "POST", path: /\/pulls$/, after: 1, times: 2, fault: refusal });
  const { id } = await slingConvoy(stage, { title: "Refused", mode: "review-then-land", parts: [part(0)] });
  const landed = await convoyLanded(stage, id);
  expect(landingsOf(landed, town.rigId)).toEqual(["failed", "failed", "merged"]);

  const events = await town.events();
  const times = (kind: string): number[] =>
    events.filter((event) => event.kind === kind).map(({ at }) => Date.parse(at));
  const [one = 0, two = 0] = times("pr.creation_failed");
  expect(two - one).toBeGreaterThanOrEqual(MINUTE);
  expect((times("convoy.landed")[0] ?? 0) - two).toBeGreaterThanOrEqual(2 * MINUTE);
  const branch = landed.featureBranches[town.rigId] ?? "";
  await expectOutcome(stage, { bases: [[branch, "main"]], files: [{ "part-0.txt": "0\n" }] });
});

it("makes no new attempt while another rig's landing waits for an approval", async () => {
  const stage = await Stage.set({
    ...setting,
    review: { ...TEST_C_REVIEW, poll_seconds: 600 },
    twoRigs: true,
  });
  const { pace, simulator, repository } = stage;
  const [app = "", web = ""] = stage.repositories.keys();
  await repository.protect("main", { requiredApprovals: 1 });
  const refusal = { kind: "status", status: 403, body: JSON.stringify({ message: "No." }) } as const;
  // Time may go on to a second or third attempt before the other landing is known to wait.
  simulator.faults.add({ method: "POST", path: /\/web\/pulls$/, after: 1, times: 3, fault: refusal });
  const { id } = await slingConvoy(stage, {
    title: "Waits",
    mode: "review-then-land",
    parts: [part(0, { rigId: app }), part(1, { rigId: web })],
  });
  const tried = await stage.until("one landing to wait, and the other to have failed", async () => {
    const convoy = await readConvoy(stage, id);
    const waits = await stage.waitsFor(convoy.landing.find(({ rigId }) => rigId === app)?.beadId);
    const others = landingsOf(convoy, web);
    const failed = others.length > 0 && others.every((state) => state === "failed");
    return waits === "approval" && failed ? others : undefined;
  });
  await pace.pass(60 * MINUTE);
  const meanwhile = await readConvoy(stage, id);
  expect([landingsOf(meanwhile, app), landingsOf(meanwhile, web)]).toEqual([["approved"], tried]);

  await repository.approve(2, "alice");
  const landed = await convoyLanded(stage, id);
  expect([landingsOf(landed, app), landingsOf(landed, web)]).toEqual([
    ["merged"],
    ["failed", "failed", "failed", "merged"],
  ]);
  const into = (rig: string): string[] => [landed.featureBranches[rig] ?? "", "main"];
  await expectOutcome(stage, {
    bases: [into(app), into(web)],
    files: [{ "part-0.txt": "0\n" }, { "part-1.txt": "1\n" }],
  });
});
