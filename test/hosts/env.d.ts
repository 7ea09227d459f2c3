import type { SqlHost } from "./worker.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      SQL_HOST: DurableObjectNamespace<SqlHost>;
    }
  }
}
