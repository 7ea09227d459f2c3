/** The scripted agent passes the same cases as the agents that people use. */
import { conformance } from "./conformance.ts";
import { Subject } from "./subject.ts";

conformance("scripted", () => Subject.start({ id: "scripted", model: null, hostEnv: {} }));
