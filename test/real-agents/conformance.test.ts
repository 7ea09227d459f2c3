/** The agents that people use, one after the other, through the cases that every runtime passes. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ASKING, conformance } from "../conformance/conformance.ts";
import { Plans } from "../conformance/steps.ts";
import { Subject } from "../conformance/subject.ts";
import { installAgent, NotDelivered, type AgentId } from "./install.ts";
import { homeEnv, logIn } from "./login.ts";
import { ModelServer } from "./model-server.ts";

const CONFIGURATION: Readonly<Record<AgentId, string>> = {
  kilo: "KILO_CONFIG_CONTENT",
  opencode: "OPENCODE_CONFIG_CONTENT",
};

async function begin(id: AgentId, bin: string): Promise<Subject> {
  const plans = new Plans();
  const server = await ModelServer.start(plans.play);
  const home = mkdtempSync(join(tmpdir(), `gastown-${id}-home-`));
  logIn(home, id, server.url);
  return Subject.start({
    id,
    path: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
    override: { command: id, env: { [CONFIGURATION[id]]: JSON.stringify(ASKING) } },
    model: { server, plans },
    hostEnv: homeEnv(home),
  });
}

for (const id of ["kilo", "opencode"] as const) {
  conformance(id, async ({ skip }) => {
    const bin = await installAgent(id).catch((thrown: unknown) => {
      if (thrown instanceof NotDelivered) return skip(thrown.message);
      throw thrown;
    });
    return begin(id, bin);
  });
}
