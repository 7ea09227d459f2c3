import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { CommandError, EXIT } from "../cli/failure.ts";

const serverVersion = z.object({
  version: z.string(),
  apiVersion: z.int().optional(),
  platform: z.string().optional(),
});

export const version: Run = async (context) => {
  const server = await ask();
  context.out.result(
    { version: context.version, node: process.versions.node, server },
    () =>
      `gastown ${context.version} (Node ${process.versions.node})${server === null ? "" : `, server ${server.version}`}`,
  );
  return EXIT.done;

  /** Null without a server: this command needs none. */
  async function ask(): Promise<z.infer<typeof serverVersion> | null> {
    try {
      const api = await context.api();
      return await api.get(serverVersion, "/api/version");
    } catch (error) {
      if (error instanceof CommandError && error.exit === EXIT.noServer) return null;
      throw error;
    }
  }
};
