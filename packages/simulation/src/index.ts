export { FAULT_KINDS, type FaultKind } from "./kernel/faults.ts";
export { addTo, noTotals, type FoundViolation, type Totals } from "./report/totals.ts";
export { traceText } from "./report/trace-text.ts";
export { scenarioOf, type Scenario, type ScenarioChanges } from "./scenario.ts";
export { shrink, type Shrunk } from "./shrink.ts";
export { simulate, type Result } from "./simulate.ts";
