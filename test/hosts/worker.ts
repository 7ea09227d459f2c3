import { DurableObject } from "cloudflare:workers";

/** An empty object whose storage the tests use. */
export class SqlHost extends DurableObject {}

export default { fetch: (): Response => new Response("test host") };
