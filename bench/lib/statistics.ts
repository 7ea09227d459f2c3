/** The value below which the given share (0 to 1) of the samples lies: the nearest sample, never a mean. */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new RangeError("there are no samples");
  const sorted = samples.toSorted((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[index] ?? 0;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** Three digits that matter: figures are compared, not believed to the last one. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
