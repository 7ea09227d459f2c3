export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `{a: {b: 1}}` → `{"a.b": 1}`; arrays, and maps named in `whole`, stay values. */
export function flatten(value: JsonObject, whole: ReadonlySet<string>, prefix = ""): JsonObject {
  const flat: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const name = prefix + key;
    if (isObject(item) && !whole.has(name)) Object.assign(flat, flatten(item, whole, `${name}.`));
    else flat[name] = item;
  }
  return flat;
}
