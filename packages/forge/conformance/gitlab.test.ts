import { conformance } from "./suite.ts";

conformance("gitlab");
