/** GraphQL by the reference implementation over GitHub's public schema: what that refuses, we may not send. */
import { schema as published } from "@octokit/graphql-schema";
import { buildSchema, graphql, type GraphQLSchema } from "graphql";
import { Hono } from "hono";
import { z } from "zod";
import { callerOf } from "../../http/access.ts";
import { bodyOf } from "../../http/body.ts";
import type { World } from "../../model/world.ts";
import { mutations } from "./mutations.ts";
import { queries } from "./queries.ts";

const request = z.object({ query: z.string(), variables: z.record(z.string(), z.unknown()).optional() });

let built: GraphQLSchema | undefined;
/** Large, so it is built when the first query comes. */
const schema = (): GraphQLSchema => (built ??= buildSchema(published.idl, { assumeValid: true }));

/** GitHub writes the type of an error beside its message. */
const typed = (error: { toJSON(): object; extensions: Record<string, unknown> }): object => ({
  ...error.toJSON(),
  ...(typeof error.extensions["type"] === "string" ? { type: error.extensions["type"] } : {}),
});

export function graphqlRoutes(world: World): Hono {
  const app = new Hono();
  app.post("/", async (c) => {
    const token = callerOf(world, c);
    const { query, variables } = await bodyOf(c, request);
    const result = await graphql({
      schema: schema(),
      source: query,
      rootValue: { ...queries(world, token), ...mutations(world, token) },
      variableValues: variables ?? {},
    });
    const { data, errors } = result;
    return c.json(errors === undefined ? { data } : { data: data ?? null, errors: errors.map(typed) });
  });
  return app;
}
