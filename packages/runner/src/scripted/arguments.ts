/** Reading a step's arguments; each may also be given as one plain value. */
import { isObject } from "./mcp-client.ts";
import type { Step } from "./script.ts";

/** The text of a step: the value itself, or the named field of its object. */
export function textOf(step: Step, field: string, fallback?: string): string {
  const value = isObject(step.args) ? step.args[field] : step.args;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (fallback !== undefined) return fallback;
  throw new Error(`the step "${step.kind}" needs "${field}"`);
}

export function numberOf(step: Step, field: string, fallback: number): number {
  const value = Number(isObject(step.args) ? step.args[field] : step.args);
  return Number.isFinite(value) ? value : fallback;
}

export function flagOf(step: Step, field: string): boolean {
  return isObject(step.args) && step.args[field] === true;
}

/** A field of an object of arguments, or undefined. */
export function fieldOf(step: Step, field: string): unknown {
  return isObject(step.args) ? step.args[field] : undefined;
}
