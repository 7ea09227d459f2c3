export type * from "./forge.ts";
export type * from "./token.ts";
export * from "./tokens/index.ts";
