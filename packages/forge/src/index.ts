export type * from "./forge.ts";
