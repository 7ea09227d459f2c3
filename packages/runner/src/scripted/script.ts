/** The script in a bead's body or a message: a fenced block ```gastown-script of JSON or YAML. */
import { isObject } from "./mcp-client.ts";

/** One step: `{<kind>: <arguments>}`, or only the kind. */
export interface Step {
  readonly kind: string;
  readonly args: unknown;
}

export type Script = Readonly<Record<string, unknown>>;
/** Reads JSON and whatever else the executable understands; JSON alone by default. */
export type ParseScript = (text: string) => unknown;

const BLOCK = /^[ \t]*(`{3,}|~{3,})[ \t]*gastown-script[^\n]*\n([\s\S]*?)\n[ \t]*\1[ \t]*$/m;

/**
 * The script in a text, or null when it has none.
 * @throws Error when there is a block that cannot be read
 */
export function findScript(text: string | null | undefined, parse: ParseScript): Script | null {
  const source = BLOCK.exec(text ?? "")?.[2];
  if (source === undefined) return null;
  let value: unknown;
  try {
    value = parse(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the gastown-script block cannot be read: ${why}`, { cause: error });
  }
  if (Array.isArray(value)) return { steps: value };
  if (isObject(value)) return value;
  throw new Error("the gastown-script block is neither an object nor a list of steps");
}

function toStep(value: unknown): Step {
  if (typeof value === "string") return { kind: value, args: undefined };
  const [entry, ...more] = isObject(value) ? Object.entries(value) : [];
  if (entry === undefined || more.length > 0)
    throw new Error(`a step is {kind: arguments}, not ${JSON.stringify(value)}`);
  return { kind: entry[0], args: entry[1] };
}

/** A list of steps, or null where the script has none. */
export function toSteps(value: unknown): Step[] | null {
  return Array.isArray(value) ? value.map(toStep) : null;
}

/**
 * Steps of one round: a section may be one list of steps, which then holds for every round, or a
 * list of lists, one for each. A round beyond the last list has none.
 */
export function stepsOfRound(value: unknown, round: number): Step[] | null {
  if (!Array.isArray(value)) return null;
  if (!value.some(Array.isArray)) return toSteps(value);
  return toSteps(value[Math.max(1, round) - 1]);
}
