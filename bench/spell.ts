export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(3)} s` : `${(ms / 1000).toFixed(1)} s`;
}

/** As `ps` and the kernel count: 2^20. */
export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

export function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

/** Least and most, or that there is but one. */
export function range(values: readonly number[], format: (value: number) => string): string {
  if (values.length < 2) return "one run";
  return `${format(Math.min(...values)).replace(/ \S+$/, "")}–${format(Math.max(...values))}`;
}
