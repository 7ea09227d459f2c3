import { mergeLane } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theRig, theTown } from "../cli/target.ts";

export const lanes: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(listOf(mergeLane), `/api/towns/${town.id}/merges/lanes`);
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "Nothing waits to land."
      : answer.items
          .map((lane) =>
            [
              `${lane.target}: ${lane.state}${lane.reason === null ? "" : ` (${lane.reason})`}`,
              table(
                ["", "ID", "STATE", "TITLE", "WHY"],
                lane.changes.map(({ id, position, state, title, why }) => [
                  position === null ? "" : String(position),
                  `bead_${id.slice(-8).toLowerCase()}`,
                  state,
                  cut(title, 50),
                  cut(why ?? "", 60),
                ]),
              ),
            ].join("\n"),
          )
          .join("\n\n"),
  );
  return EXIT.done;
};

const change =
  (action: "pause" | "resume", said: string): Run =>
  async (context, [rigRef = "", target = ""]) => {
    const api = await context.api();
    const town = await theTown(context);
    const rig = await theRig(context, town.id, rigRef);
    const path = `/api/towns/${town.id}/merges/lanes/${action}`;
    const lane = await api.post(mergeLane, path, { rigId: rig.id, target });
    context.out.result(lane, `${said} ${lane.target} of ${rig.name}.`);
    return EXIT.done;
  };

export const lanePause: Run = change("pause", "Nothing lands any more into");
export const laneResume: Run = change("resume", "What is ready lands again into");
