/** Whether a rig can be reached with what is stored, and from where that comes (spec/api.md §3.15). */
import {
  credentialsTest,
  credentialsTestBody,
  GastownError,
  repoCheckAnswer,
  type CredentialsTest,
  type Rig,
} from "@gastown/protocol";
import { forgeMessage } from "@gastown/town";
import type { Endpoints } from "../http/endpoint.ts";
import type { ServerPorts } from "../ports.ts";
import { rigRefOf } from "../rigs/rig-ref.ts";
import { askRunner } from "../runner/ask.ts";
import { HOST_SOURCE, type ForgeTokens, type TokenOrigin } from "./tokens.ts";

const FORGE_TIMEOUT_MS = 30_000;

/** What became of it, without where it came from. */
type Found = Pick<CredentialsTest, "ok" | "permissions" | "message">;

export function credentialsTestRoute(on: Endpoints, ports: ServerPorts, tokens: ForgeTokens): void {
  on.town(
    {
      method: "post",
      path: "/api/towns/{townId}/admin/credentials/test",
      operation: "admin.credentials.test",
      summary:
        "Tries a rig's credential: where it comes from, what was tried before, what it may. Never the token.",
      who: "owner",
      body: credentialsTestBody,
      answer: credentialsTest,
    },
    async ({ town, params, body }) => {
      const rig = town.read((open) => open.rig(body.rigId));
      const origin = await tokens.origin(town, rig.id);
      if (origin === null) return local(rig);
      const { provider, source, tried, expiresAt } = origin;
      return {
        ...(await found(ports, params.townId, rig, origin)),
        provider,
        ...(source === null ? {} : { source }),
        tried: [...tried],
        ...(expiresAt === null ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
      };
    },
  );
}

function local(rig: Rig): CredentialsTest {
  const message = "A path on this machine: it needs no credential.";
  return { ok: true, provider: rig.forge, tried: [], permissions: ["read", "push"], message };
}

async function found(
  ports: ServerPorts,
  townId: string,
  rig: Rig,
  { provider, source, tried }: TokenOrigin,
): Promise<Found> {
  if (source === null) {
    const message = forgeMessage({ kind: "no_token", provider, tried: [...tried] }, provider);
    return { ok: false, permissions: [], message };
  }
  const forge = provider !== "git" && source !== HOST_SOURCE;
  return forge ? askForge(ports, townId, rig) : askGit(ports, townId, rig);
}

/** The forge says what the token may. */
async function askForge(ports: ServerPorts, townId: string, rig: Rig): Promise<Found> {
  const deadline = new AbortController();
  const cancel = ports.setTimer(FORGE_TIMEOUT_MS, () => deadline.abort());
  try {
    const forge = await ports.forgeFor(townId, { rig: rigRefOf(rig), forge: rig.forge });
    const answer = await forge.repository(deadline.signal);
    if (answer.kind === "unsupported") return { ok: false, permissions: [], message: answer.what };
    if (answer.kind !== "ok") return { ok: false, permissions: [], message: forgeMessage(answer, rig.forge) };
    if (answer.value.canPush === false) {
      const message =
        "It may read the repository and not push to it. Give it the right to write its contents.";
      return { ok: false, permissions: ["read"], message };
    }
    const said = answer.value.canPush === true;
    return {
      ok: true,
      permissions: said ? ["read", "push"] : ["read"],
      message: said ? "It may read and push." : "It may read; whether it may push the forge does not say.",
    };
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
    throw new GastownError("timeout", "The forge did not answer in 30 s. Try again.");
  } finally {
    cancel();
  }
}

/** Only a push shows whether one may push. */
async function askGit(ports: ServerPorts, townId: string, rig: Rig): Promise<Found> {
  const response = await askRunner(ports, {
    townId,
    method: "POST",
    path: "/repos/check",
    body: { git_url: rig.gitUrl, rig_id: rig.id },
  });
  const answer = repoCheckAnswer.safeParse(await response.json());
  if (!answer.success) throw new GastownError("runner_error", "The runner's answer was not understood.");
  const { ok, message, action } = answer.data;
  if (!ok) return { ok, permissions: [], message: `${message} ${action}`.trim() };
  return {
    ok,
    permissions: ["read"],
    message: "It may read; whether it may push shows with the first push.",
  };
}
