/** A page of a log's lines. Pure. */
export interface LogQuery {
  from?: number | undefined;
  lines?: number | undefined;
  tail?: number | undefined;
  /** Only lines that contain this, in any case. */
  q?: string | undefined;
}

export interface LogPage {
  from: number;
  lines: string[];
  total: number;
}

const PAGE = 1_000;

export function logPage(text: string, { from, lines = PAGE, tail, q }: LogQuery): LogPage {
  const all = text.split("\n");
  // A last line that is ended is no empty line after it.
  if (all.at(-1) === "") all.pop();
  const wanted = q?.toLowerCase();
  const found = wanted === undefined ? all : all.filter((line) => line.toLowerCase().includes(wanted));
  const first = Math.min(tail === undefined ? (from ?? 0) : Math.max(0, found.length - tail), found.length);
  return { from: first, lines: found.slice(first, first + (tail ?? lines)), total: found.length };
}
