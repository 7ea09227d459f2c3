/** `{{message}}`, `{{rig}}` and `{{last.<path>}}` in the arguments of a mayor's steps. */
import { isObject } from "./mcp-client.ts";

export interface TemplateValues {
  readonly message: string;
  readonly rig: string;
  /** Structured result of the last call. */
  readonly last: unknown;
}

const PLACE = /\{\{\s*(message|rig|last(?:\.[\w-]+)*)\s*\}\}/g;
const WHOLE = /^\{\{\s*(message|rig|last(?:\.[\w-]+)*)\s*\}\}$/;

function lookUp(name: string, values: TemplateValues): unknown {
  if (name === "message") return values.message;
  if (name === "rig") return values.rig;
  let value: unknown = values.last;
  for (const key of name.split(".").slice(1)) {
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}

/** Fills every string in `value`; a string that is one place alone keeps the value's own type. */
export function fill(value: unknown, values: TemplateValues): unknown {
  if (typeof value === "string") {
    const whole = WHOLE.exec(value)?.[1];
    if (whole !== undefined) return lookUp(whole, values);
    return value.replace(PLACE, (_all, name: string) => asText(lookUp(name, values)));
  }
  if (Array.isArray(value)) return value.map((inner) => fill(inner, values));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, values)]));
}

export function mentionsRig(value: unknown): boolean {
  return (JSON.stringify(value) ?? "").includes("{{rig}}");
}
