/**
 * export-import: a town of any size goes in and out line by line. Two hosts in processes of their own, one with
 * a town of a thousand closed beads and one with a hundred thousand, import it and export it again. What each
 * needs at most beyond what it had before must not depend on the town's size, and what comes out is what went in.
 */
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { townShape } from "@gastown/protocol";
import { exportLines } from "@gastown/town";
import { World, type RunningHost } from "../../apps/node/src/testing/executable.ts";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import { harness } from "../../packages/town/src/scenarios/harness.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { rounded } from "../lib/statistics.ts";
import { clientOf, up } from "../lib/town-api.ts";
import { addClosedBeads } from "../history-scale/closed-beads.ts";

/** The smaller one is large enough for the collector to be at work: what it leaves lying is in both figures. */
const SIZES = [10_000, 100_000] as const;
/** For ten times as much. */
const MAX_RATIO = 2;
const MB = 1_000_000;
/** What an import changes is elsewhere: it is paused, and its record says that it was imported. */
const KEPT = /^\{"table":"(beads|merge_requests|sessions|dependencies|transcript|messages)"/;

export const exportImport: Benchmark = {
  id: "export-import",
  measures: `a town of ${SIZES.join(" and ")} closed beads into a host and out again`,
  target: `what the host needs at most meanwhile grows ≤ ${MAX_RATIO} ×; every line comes out as it went in`,
  run: async (context) => {
    if (process.platform !== "linux") throw new Error("What a process needs at most is known on Linux only.");
    const folder = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    try {
      return figuresOf(await moved(context, folder, SIZES[0]), await moved(context, folder, SIZES[1]));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Moved {
  /** Bytes beyond what the host had before, at most. */
  readonly imported: number;
  readonly exported: number;
  readonly same: boolean;
  readonly importMs: number;
  readonly exportMs: number;
  /** Of lines. */
  readonly bytes: number;
}

async function moved({ note, signal }: BenchContext, folder: string, beads: number): Promise<Moved> {
  const file = join(folder, `${beads}.jsonl`);
  const wanted = await writeTown(file, folder, beads);
  signal.throwIfAborted();
  const world = new World();
  try {
    const host = await up(world);
    const api = clientOf(world, host, signal);
    const packed = createReadStream(file).pipe(createGzip({ level: 1 }));
    let id = "";
    const into = await measured(host, async () => {
      const body = Readable.toWeb(packed) as ReadableStream<Uint8Array>;
      ({ id } = await api.upload(townShape.pick({ id: true }), "/api/users/user_local/towns/import", body));
    });
    rmSync(file);
    let found = "";
    const out = await measured(host, async () => {
      const lines = await api.download(`/api/towns/${id}/export`);
      found = await digest(createInterface({ input: Readable.fromWeb(lines as never) }));
    });
    note(
      `${beads} beads, ${rounded(wanted.bytes / MB)} MB of lines: in ${Math.round(into.ms)} ms, out ${Math.round(out.ms)} ms`,
    );
    return {
      imported: into.bytes,
      exported: out.bytes,
      same: found === wanted.digest,
      importMs: into.ms,
      exportMs: out.ms,
      bytes: wanted.bytes,
    };
  } finally {
    await world.end();
  }
}

/** Writes a town of so many closed beads as lines, as another host would have exported it. */
async function writeTown(
  file: string,
  folder: string,
  beads: number,
): Promise<{ bytes: number; digest: string }> {
  const path = join(folder, `${beads}.sqlite`);
  const db = new DatabaseSync(path, sqlOptions);
  const out = await open(file, "w");
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    db.exec("pragma journal_mode = off; pragma synchronous = off");
    const h = harness(nodeSql(db));
    addClosedBeads(h, beads);
    let piece = "";
    for (const line of exportLines(h.sql, { program: "bench", now: h.now() })) {
      if (KEPT.test(line)) hash.update(line);
      piece += line;
      bytes += Buffer.byteLength(line);
      if (piece.length < MB) continue;
      await out.write(piece);
      piece = "";
    }
    await out.write(piece);
  } finally {
    await out.close();
    db.close();
    rmSync(path);
  }
  return { bytes, digest: hash.digest("hex") };
}

async function digest(lines: AsyncIterable<string>): Promise<string> {
  const hash = createHash("sha256");
  for await (const line of lines) if (KEPT.test(line)) hash.update(`${line}\n`);
  return hash.digest("hex");
}

/** The most that the host's process held while it worked, beyond what it held before. */
async function measured(
  { pid }: RunningHost,
  work: () => Promise<void>,
): Promise<{ bytes: number; ms: number }> {
  // From now on its highest mark counts anew.
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = held(pid, "VmRSS");
  const began = performance.now();
  await work();
  return { bytes: held(pid, "VmHWM") - before, ms: performance.now() - began };
}

function held(pid: number, name: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (line === null) throw new Error(`The system does not say ${name}.`);
  return Number(line[1]) * 1_024;
}

function figuresOf(few: Moved, many: Moved): Figures {
  const ratios = { import: many.imported / few.imported, export: many.exported / few.exported };
  const same = few.same && many.same;
  return {
    values: {
      "MB of lines": rounded(many.bytes / MB),
      "import: MB more at most, few": rounded(few.imported / MB),
      "import: MB more at most, many": rounded(many.imported / MB),
      "import: ratio": rounded(ratios.import),
      "export: MB more at most, few": rounded(few.exported / MB),
      "export: MB more at most, many": rounded(many.exported / MB),
      "export: ratio": rounded(ratios.export),
      "import: µs per kB": rounded((1_000 * many.importMs) / (many.bytes / 1_000)),
      "export: µs per kB": rounded((1_000 * many.exportMs) / (many.bytes / 1_000)),
      "the same lines": same ? "yes" : "no",
    },
    pass: same && ratios.import <= MAX_RATIO && ratios.export <= MAX_RATIO,
  };
}
