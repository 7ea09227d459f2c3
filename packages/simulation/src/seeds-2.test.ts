import { proveSeeds } from "./testing/prove-seeds.ts";

proveSeeds(151, 15);
