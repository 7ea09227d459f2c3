import { formulasAnswer, type Formula } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { theRig, theTown } from "../cli/target.ts";

export const formulas: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const rig = await theRig(context, town.id);
  const answer = await api.get(formulasAnswer, `/api/towns/${town.id}/rigs/${rig.id}/formulas`);
  context.out.result(answer, () => {
    const lines = [
      ...answer.items.map(describe),
      ...answer.problems.map(({ file, message }) => `${file} cannot be used: ${message}`),
    ];
    return lines.length === 0
      ? `${rig.name} has no formulas. They are files .gastown/formulas/<name>.toml of its default branch.`
      : lines.join("\n");
  });
  return EXIT.done;
};

function describe({ name, description, vars, steps }: Formula): string {
  const values = Object.entries(vars ?? {}).map(([key, one]) =>
    one.default === undefined ? key : `${key}=${one.default}`,
  );
  const takes = values.length === 0 ? "" : ` (${values.join(", ")})`;
  const says = description === undefined ? "" : `: ${description}`;
  return [`${name}${takes}${says}`, ...steps.map((step, i) => `  ${i + 1}. ${step.title}`)].join("\n");
}
