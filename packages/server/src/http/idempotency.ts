/**
 * The same intent twice is carried out once (spec/api.md §1.5). A town keeps its answers in the
 * transaction of the change; calls that belong to no single turn of a town are kept by the server.
 */
import { GastownError } from "@gastown/protocol";
import type { StoredAnswer, Town } from "@gastown/town";
import { canonical } from "../kernel/canonical.ts";
import { sha256Hex } from "../kernel/hash.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import type { AppContext, Principal } from "./env.ts";
import { errorBody } from "./errors.ts";

const KEY = /^[A-Za-z0-9._:-]{1,128}$/;

export interface Answered {
  status: number;
  json: string;
  replayed: boolean;
  /** The town's audit sequence after a command. */
  seq?: number;
}

interface Facts {
  method: string;
  status?: number;
  secret?: boolean;
}
interface Request {
  body: unknown;
  principal: Principal;
  c: AppContext;
}

/** The request's key, or undefined. Throws `validation_failed` for a malformed one. */
export function keyOf(c: AppContext): string | undefined {
  const key = c.req.header("idempotency-key");
  if (key !== undefined && !KEY.test(key)) {
    throw new GastownError("validation_failed", "Idempotency-Key: use 1 to 128 of A-Z a-z 0-9 . _ : -", {
      issues: [{ path: ["Idempotency-Key"], code: "invalid_format", message: "not a key" }],
    });
  }
  return key;
}

/** A command of one turn; with a key its answer is stored in the same transaction. */
export async function answerCommand(
  facts: Facts,
  request: Request,
  actor: TownActor,
  command: (town: Town) => unknown,
): Promise<Answered> {
  const status = facts.status ?? 200;
  const key = keyOf(request.c);
  if (key === undefined) {
    return actor.run((town) => {
      const json = JSON.stringify(command(town));
      return { status, json, replayed: false, seq: town.newestSeq() };
    });
  }
  const call = {
    principal: principalKey(request.principal),
    key,
    fingerprint: await fingerprint(facts, request),
  };
  return actor.run((town) => {
    const stored = town.idempotent(call, () => decided(status, () => command(town)));
    return { status: stored.status, json: stored.body, replayed: stored.replayed, seq: town.newestSeq() };
  });
}

/** Refusals that the command itself decided are answers too, and stay the answer. */
function decided(status: number, command: () => unknown): StoredAnswer {
  try {
    return { status, body: JSON.stringify(command()) };
  } catch (error) {
    if (error instanceof GastownError && (error.status === 409 || error.status === 422)) {
      return { status: error.status, body: JSON.stringify(errorBody(error)) };
    }
    throw error;
  }
}

/** Anything else: begun, carried out, and its answer kept by the server. */
export async function answerOnce(
  ports: ServerPorts,
  facts: Facts,
  request: Request,
  work: () => Promise<unknown>,
): Promise<Answered> {
  const status = facts.status ?? 200;
  const key = facts.method === "get" || request.principal.kind !== "user" ? undefined : keyOf(request.c);
  if (key === undefined) return { status, json: JSON.stringify(await work()), replayed: false };

  const principal = principalKey(request.principal);
  const call = { principal, key, fingerprint: await fingerprint(facts, request) };
  const begun = ports.store.beginCall(call, ports.now());
  switch (begun.type) {
    case "answered":
      return { status: begun.status, json: begun.body, replayed: true };
    case "running":
      throw new GastownError(
        "idempotency_in_progress",
        "The first request with this key is still running. Ask again.",
      );
    case "other":
      throw new GastownError(
        "idempotency_key_reused",
        "This key was used for another request. Use a new one.",
      );
    case "begun":
  }
  try {
    const json = JSON.stringify(await work());
    ports.store.endCall(principal, key, facts.secret ? withheld() : { status, body: json });
    return { status, json, replayed: false };
  } catch (error) {
    ports.store.endCall(principal, key, null);
    throw error;
  }
}

/** What a replay of an answer with a credential is told. */
function withheld(): { status: number; body: string } {
  const error = new GastownError(
    "already_exists",
    "This was made before, and its secret is shown only once. Make a new one.",
  );
  return { status: error.status, body: JSON.stringify(errorBody(error)) };
}

function principalKey(principal: Principal): string {
  return principal.kind === "user" ? principal.userId : principal.kind;
}

function fingerprint({ method }: Facts, { body, c }: Request): Promise<string> {
  return sha256Hex(`${method} ${new URL(c.req.url).pathname} ${canonical(body ?? {})}`);
}
