export { formatBytes } from "../byte-size.ts";

/** `0.12 s`, `3.4 s`, `2 min 05 s`: as exact as the length deserves. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** `40s`, `5m`, `3h`, `2d`. */
export function formatAgo(ms: number): string {
  return ms < 120_000 ? `${Math.max(0, Math.round(ms / 1000))}s` : formatAge(ms);
}

/** `5m`, `3h`, `2d`: as exact as flags take it. */
export function formatAge(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** `1 layer`, `2 layers`; `plural` only where an `s` is not enough. */
export function formatCount(count: number, singular: string, plural: string = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/** Enough of a digest to recognise it: the first twelve hex digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}
