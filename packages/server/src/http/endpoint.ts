/**
 * How a route is declared: its whole contract beside its handler, once. The document is made from
 * the same declaration (`createRoute`), and one function carries every request through credential,
 * ownership, validation and idempotency, so that no route can forget one of them.
 *
 * Bodies are validated here and not by the library's own validator, which leaves a body without
 * content type unchecked and parses before depth is known (spec/api.md §1.2, traps a and b).
 */
import { GastownError } from "@gastown/protocol";
import type { Actor, Town } from "@gastown/town";
import { z } from "zod";
import { checkWho, type Who } from "../auth/who.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { jsonOf, queryOf, readBytes, validate } from "./body.ts";
import type { App, AppContext, Delivery, Principal } from "./env.ts";
import { documentOf } from "./document.ts";
import { errorShape } from "./error-shape.ts";
import { answerCommand, answerOnce, keyOf, type Answered } from "./idempotency.ts";
import { bodyLines, lineStream } from "./lines.ts";
import type { Registry } from "./registry.ts";
import { sendJson, sendText } from "./send.ts";

type Method = "get" | "post" | "put" | "patch" | "delete";

interface Spec<Path extends string, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> {
  method: Method;
  /** With `{name}` parameters. */
  path: Path;
  operation: string;
  summary: string;
  who: Who;
  query?: Q;
  body?: B;
  answer: A;
  status?: 200 | 201 | 202;
  /** Path of the thing that was made. */
  location?: (value: z.output<A>, params: Params<Path>) => string;
  etag?: (value: z.output<A>) => string;
  /** The answer holds a credential: it is never stored. */
  secret?: boolean;
  delivery?: Delivery;
  /** The body, or the answer, is JSON lines that are streamed; the schema is that of a line. */
  lines?: "body" | "answer";
}

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : never;
type Params<Path extends string> = Record<ParamNames<Path>, string>;

/** One request, checked. */
interface Call<Path extends string, Q, B> {
  params: Params<Path>;
  query: Q;
  body: B;
  /** Who asks, as the town records it. */
  actor: Actor;
  principal: Principal;
  requestId: string;
  c: AppContext;
}

/** Where the path names a town, it is open. */
interface TownCall<Path extends string, Q, B> extends Call<Path, Q, B> {
  town: TownActor;
}

export interface Endpoints {
  /** Needs no town, or more than one turn of it. */
  plain<
    Path extends string,
    A extends z.ZodType,
    Q extends z.ZodType = z.ZodType,
    B extends z.ZodType = z.ZodType,
  >(
    spec: Spec<Path, Q, B, A>,
    handle: (call: Call<Path, z.output<Q>, z.output<B>>) => Promise<z.input<A>> | z.input<A>,
  ): void;
  /** Works with an open town over more than one turn. */
  town<
    Path extends string,
    A extends z.ZodType,
    Q extends z.ZodType = z.ZodType,
    B extends z.ZodType = z.ZodType,
  >(
    spec: Spec<Path, Q, B, A>,
    handle: (call: TownCall<Path, z.output<Q>, z.output<B>>) => Promise<z.input<A>> | z.input<A>,
  ): void;
  /** Reads the town. */
  read<
    Path extends string,
    A extends z.ZodType,
    Q extends z.ZodType = z.ZodType,
    B extends z.ZodType = z.ZodType,
  >(
    spec: Spec<Path, Q, B, A>,
    handle: (town: Town, call: Call<Path, z.output<Q>, z.output<B>>) => z.input<A>,
  ): void;
  /** Shows what is read elsewhere; the answer may be a stream of another form than the document's. */
  view<Path extends string, A extends z.ZodType, Q extends z.ZodType = z.ZodType>(
    spec: Spec<Path, Q, z.ZodType, A>,
    handle: (call: TownCall<Path, z.output<Q>, undefined>) => Promise<z.input<A> | Response>,
  ): void;
  /** Changes the town in one transaction, once per idempotency key. */
  command<
    Path extends string,
    A extends z.ZodType,
    Q extends z.ZodType = z.ZodType,
    B extends z.ZodType = z.ZodType,
  >(
    spec: Spec<Path, Q, B, A>,
    handle: (town: Town, call: Call<Path, z.output<Q>, z.output<B>>) => z.input<A>,
  ): void;
  /** A command with something to wait for (a cipher, say) before the town's own, synchronous turn. */
  commandAfter<
    Path extends string,
    A extends z.ZodType,
    P,
    Q extends z.ZodType = z.ZodType,
    B extends z.ZodType = z.ZodType,
  >(
    spec: Spec<Path, Q, B, A>,
    prepare: (call: Call<Path, z.output<Q>, z.output<B>>) => Promise<P>,
    handle: (town: Town, call: Call<Path, z.output<Q>, z.output<B>>, prepared: P) => z.input<A>,
  ): void;
  /** Answers with lines of JSON. */
  download<Path extends string, A extends z.ZodType>(
    spec: Spec<Path, z.ZodType, z.ZodType, A>,
    handle: (call: TownCall<Path, unknown, undefined>) => Promise<Download>,
  ): void;
  /** Reads lines of JSON; no answer of it is stored, so what it makes has to refuse to be made twice. */
  upload<Path extends string, A extends z.ZodType, Q extends z.ZodType = z.ZodType>(
    spec: Spec<Path, Q, z.ZodType, A>,
    handle: (call: Call<Path, z.output<Q>, undefined>, lines: AsyncIterable<string[]>) => Promise<z.input<A>>,
  ): void;
}

interface Download {
  readonly lines: Iterator<string>;
  /** Lets go of what the lines are read from; they were read to their end, or nobody wants them any more. */
  readonly done: () => void;
  readonly filename: string;
}

type AnySpec = Spec<string, z.ZodType, z.ZodType, z.ZodType>;
type AnyCall = Call<string, unknown, unknown>;
type Carry = (call: AnyCall, town: TownActor | undefined) => Promise<Answered | Response>;

export function createEndpoints(app: App, ports: ServerPorts, registry: Registry): Endpoints {
  const mount = (spec: AnySpec, carry: Carry): void => {
    const pattern = spec.path.replaceAll(/\{(\w+)\}/g, ":$1");
    registry.add({ method: spec.method.toUpperCase(), pattern, operation: spec.operation });
    app.openAPIRegistry.registerPath(documentOf(spec));
    app.on(spec.method.toUpperCase(), pattern, (c) => handle(ports, spec, carry, c));
  };

  return {
    plain: (spec, handler) =>
      mount(spec, (call) =>
        answerOnce(ports, spec, call, async () => handler(call as unknown as Parameters<typeof handler>[0])),
      ),
    town: (spec, handler) =>
      mount(spec, (call, town) =>
        answerOnce(ports, spec, call, async () =>
          handler({ ...call, town: needed(town) } as unknown as Parameters<typeof handler>[0]),
        ),
      ),
    read: (spec, handler) =>
      mount(spec, async (call, town) => {
        const value = needed(town).read((open) =>
          handler(open, call as unknown as Parameters<typeof handler>[1]),
        );
        return { status: spec.status ?? 200, json: JSON.stringify(value), replayed: false };
      }),
    view: (spec, handler) =>
      mount(spec, async (call, town) => {
        const value = await handler({ ...call, town: needed(town) } as unknown as Parameters<
          typeof handler
        >[0]);
        if (value instanceof Response) return value;
        return { status: 200, json: JSON.stringify(value), replayed: false };
      }),
    command: (spec, handler) =>
      mount(spec, (call, town) =>
        answerCommand(spec, call, needed(town), (open) =>
          handler(open, call as unknown as Parameters<typeof handler>[1]),
        ),
      ),
    commandAfter: (spec, prepare, handler) =>
      mount(spec, async (call, town) => {
        const checked = call as unknown as Parameters<typeof handler>[1];
        const prepared = await prepare(checked);
        return answerCommand(spec, call, needed(town), (open) => handler(open, checked, prepared));
      }),
    download: (spec, handler) =>
      mount(spec, async (call, town) => {
        const { lines, done, filename } = await handler({
          ...call,
          town: needed(town),
        } as unknown as Parameters<typeof handler>[0]);
        return new Response(lineStream(lines, done), {
          headers: {
            "content-type": "application/jsonl",
            "content-disposition": `attachment; filename="${filename}"`,
          },
        });
      }),
    upload: (spec, handler) =>
      mount(spec, async (call) => {
        const value = await handler(call as unknown as Parameters<typeof handler>[0], bodyLines(call.c));
        return { status: spec.status ?? 200, json: JSON.stringify(value), replayed: false };
      }),
  };
}

async function handle(ports: ServerPorts, spec: AnySpec, carry: Carry, c: AppContext): Promise<Response> {
  c.set("operation", spec.operation);
  c.set("delivery", spec.delivery ?? "http");
  const bytes = spec.method === "get" || spec.lines === "body" ? new Uint8Array() : await readBytes(c);
  const { principal, town } = await checkWho(ports, spec.who, c);
  const call: AnyCall = {
    params: c.req.param(),
    query: validate(spec.query ?? noQuery, queryOf(c), "query"),
    body:
      spec.body === undefined || spec.lines === "body"
        ? undefined
        : validate(spec.body, jsonOf(c, bytes), "body"),
    actor: actorOf(principal),
    principal,
    requestId: c.get("requestId"),
    c,
  };
  keyOf(c);
  const answered = await carry(call, town);
  return answered instanceof Response ? answered : respond(spec, call, answered);
}

function respond(spec: AnySpec, { c, params }: AnyCall, { status, json, replayed, seq }: Answered): Response {
  c.set("replayed", replayed);
  const headers: Record<string, string> = {};
  if (replayed) headers["idempotent-replayed"] = "true";
  if (seq !== undefined) headers["x-town-seq"] = String(seq);
  if (status >= 400) return sendJson(c, withRequestId(c, JSON.parse(json)), status, headers);
  const { location, etag } = spec;
  if (location !== undefined || etag !== undefined) {
    const value: unknown = JSON.parse(json);
    if (location !== undefined) headers["location"] = location(value, params);
    if (etag !== undefined) headers["etag"] = etag(value);
    if (spec.method === "get" && etag !== undefined && c.req.header("if-none-match") === headers["etag"])
      return new Response(null, { status: 304, headers });
  }
  return sendText(c, json, status, headers);
}

/** A stored refusal carries the id of the request that asks now. */
function withRequestId(c: AppContext, value: unknown): unknown {
  const { error } = errorShape.parse(value);
  c.set("errorCode", error.code);
  return { error: { ...error, requestId: c.get("requestId") } };
}

function actorOf(principal: Principal): Actor {
  if (principal.kind === "user") return { kind: "person", id: principal.userId, name: principal.name };
  if (principal.kind === "runner") return { kind: "runner", id: principal.instanceId, name: "runner" };
  if (principal.kind === "session") return { kind: "agent", id: principal.agentId, name: principal.role };
  return { kind: "person", id: "anonymous", name: "somebody" };
}

function needed(town: TownActor | undefined): TownActor {
  if (town === undefined) throw new GastownError("internal", "This route names no town in its path.");
  return town;
}

const noQuery = z.strictObject({});
