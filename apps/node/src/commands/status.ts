import { townStatus } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { statusText } from "./status-text.ts";

export const status: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const value = await api.get(townStatus, `/api/towns/${town.id}/status`);
  context.out.result(value, () => statusText(context.out, value));
  return EXIT.done;
};
