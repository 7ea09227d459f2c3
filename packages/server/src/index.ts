export * from "./ports.ts";
export type { PerformEffect, TownActor, TownActorOptions } from "./towns/actor.ts";
export type { Peer, PeerState } from "./live/peer.ts";
export type { BegunCall } from "./store/store.ts";
export { openTownActor } from "./towns/open-actor.ts";
export { createEffects, type EffectPorts } from "./towns/effects/effects.ts";
export { sqlServerStore } from "./store/sql-store.ts";
export { createServer, type GastownServer } from "./server.ts";
