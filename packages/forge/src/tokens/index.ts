export { forgeOfHost, hostOf, repositoryPathOf } from "./hosts.ts";
export { createTokenResolver, type ResolveForgeToken } from "./resolve.ts";
export * from "./types.ts";
