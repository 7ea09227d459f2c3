import { proveSeeds } from "./testing/prove-seeds.ts";

proveSeeds(1, 15);
