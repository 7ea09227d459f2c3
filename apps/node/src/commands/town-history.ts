/** `gastown town export` and `gastown town import` (spec/api.md §3.3). */
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { choose, listTowns } from "../cli/target.ts";

const omitted = z.object({
  secrets: z.array(z.object({ scope: z.string(), key: z.string() })),
  env: z.record(z.string(), z.array(z.string())),
});
type Omitted = z.infer<typeof omitted>;
const importAnswer = z.object({ id: z.string(), name: z.string(), omitted });

/** What no export holds, as a person would set it again; empty where there is nothing. */
function toGiveAgain({ secrets, env }: Omitted): string[] {
  const whose = (scope: string): string => (scope === "town" ? "" : ` --rig ${scope}`);
  return [
    ...secrets.map(({ scope, key }) => `gastown config set${whose(scope)} credentials.${key}=-`),
    ...Object.entries(env).flatMap(([scope, names]) =>
      names.map((name) => `gastown config set${whose(scope)} env.${name}=…`),
    ),
  ];
}

export const townExport: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = choose("town", ref, await listTowns(api));
  const output = options["output"];
  const path = typeof output === "string" ? resolve(context.cwd, output) : undefined;
  if (path !== undefined && existsSync(path))
    throw new GastownError("already_exists", `${path} exists already. Choose another name.`);
  const lines = await api.download(`/api/towns/${town.id}/export`);
  context.out.note(
    "Secrets and the values of environment variables are not in it; its first line names them.",
  );
  if (path === undefined) await lines.pipeTo(outputOf(context));
  else {
    await intoFile(lines, path);
    context.out.result({ file: path, town: { id: town.id, name: town.name } }, `${town.name} is in ${path}.`);
  }
  return EXIT.done;
};

function outputOf({ out }: Context): WritableStream<Uint8Array> {
  const decoder = new TextDecoder();
  return new WritableStream({ write: (bytes) => out.lines(decoder.decode(bytes, { stream: true })) });
}

/** The file is there only when it is whole; packed where its name says so. */
async function intoFile(lines: ReadableStream<Uint8Array>, path: string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const file = createWriteStream(partial, { mode: 0o600 });
    await (path.endsWith(".gz") ? pipeline(lines, createGzip(), file) : pipeline(lines, file));
    renameSync(partial, path);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** Packed, as the server takes a town of any size: as it is where it is packed already. */
async function* packed(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const pieces = input[Symbol.asyncIterator]();
  const first = await pieces.next();
  const [one, two] = first.done === true ? [] : first.value;
  async function* all(): AsyncGenerator<Buffer, void, void> {
    if (first.done !== true) yield first.value;
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
  }
  if (one === 0x1f && two === 0x8b) yield* all();
  else yield* Readable.from(all()).pipe(createGzip({ level: 1 }));
}

export const townImport: Run = async (context, [file = "-"], { into }) => {
  const path = resolve(context.cwd, file);
  if (file !== "-" && !existsSync(path)) throw new GastownError("not_found", `There is no file ${path}.`);
  const api = await context.api();
  const query = typeof into === "string" ? { into: choose("town", into, await listTowns(api)).id } : {};
  const input = file === "-" ? process.stdin : createReadStream(path);
  // Node's own type of web streams and the platform's are the same thing by two names.
  const lines = Readable.toWeb(
    Readable.from(packed(input), { objectMode: false }),
  ) as ReadableStream<Uint8Array>;
  const town = await api.upload(importAnswer, "/api/users/user_local/towns/import", lines, query);
  const again = toGiveAgain(town.omitted);
  const next = [
    ...(again.length === 0
      ? []
      : ["Secrets are in no export. Give them again:", ...again.map((one) => `  ${one}`)]),
    `When it runs nowhere else any more: gastown resume --town ${town.id}`,
  ];
  context.out.result(town, [`${town.name} is imported and paused.`, ...next].join("\n"));
  return EXIT.done;
};
