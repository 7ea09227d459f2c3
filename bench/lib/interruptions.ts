/**
 * Whether the system took the processor away from this process in between: what a short piece of
 * work then took says what else runs on the machine, not what the work costs. Waiting for the disk
 * is no interruption; it is part of the work and stays in its time.
 */
export function interruptionCounter(): () => boolean {
  const count = (): number => process.resourceUsage().involuntaryContextSwitches;
  const before = count();
  return () => count() !== before;
}
