import type { TownActor, TownActorOptions } from "./actor.ts";

/** An actor over an open town. Runs a first tick at once, so call it when the host is ready. */
export declare function openTownActor(options: TownActorOptions): TownActor;
