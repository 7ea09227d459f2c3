/** The OpenAPI side of a route's declaration. JSON Schema of zod is what OpenAPI 3.1 speaks. */
import { createRoute, type RouteConfig } from "@hono/zod-openapi";
import { z } from "zod";
import { errorShape } from "./error-shape.ts";

export interface Documented {
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  operation: string;
  summary: string;
  who: string;
  query?: z.ZodType;
  body?: z.ZodType;
  answer: z.ZodType;
  status?: number;
  lines?: "body" | "answer";
}

type JsonSchema = Record<string, unknown>;
interface Parameter {
  name: string;
  in: "path" | "query";
  required: boolean;
  schema: JsonSchema;
}

export function documentOf(spec: Documented): RouteConfig {
  const json = (schema: z.ZodType, io: "input" | "output", lines = false) => ({
    [lines ? "application/jsonl" : "application/json"]: { schema: schemaOf(schema, io) },
  });
  const route = {
    method: spec.method,
    path: spec.path,
    operationId: spec.operation,
    tags: [spec.operation.split(".")[0] ?? spec.operation],
    summary: spec.summary,
    "x-gastown-who": spec.who,
    parameters: [...pathParameters(spec.path), ...queryParameters(spec.query)],
    request:
      spec.body === undefined
        ? {}
        : { body: { required: true, content: json(spec.body, "input", spec.lines === "body") } },
    responses: {
      [spec.status ?? 200]: {
        description: "Done.",
        content: json(spec.answer, "output", spec.lines === "answer"),
      },
      default: { description: "Refused or failed.", content: json(errorShape, "output") },
    },
  };
  // The library's types of schemas are a union over three OpenAPI versions; this is 3.1.
  return createRoute(route as unknown as RouteConfig);
}

function pathParameters(path: string): Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name ?? "",
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: z.ZodType | undefined): Parameter[] {
  if (!(query instanceof z.ZodObject)) return [];
  return Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: schemaOf(schema as z.ZodType, "input"),
  }));
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
