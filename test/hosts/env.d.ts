declare namespace Cloudflare {
  interface Env {
    SQL_HOST: DurableObjectNamespace<import("./worker.ts").SqlHost>;
  }
}
