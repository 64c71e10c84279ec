import { formatBytes, formatCount, formatDuration } from "./format.ts";
import { clip, printable } from "./printable.ts";
import { type BuildState, downloadedBytes, type LayerState, uploadedBytes } from "./state.ts";
import type { Style } from "./style.ts";

/** What a build came to, as data: the last line of `--progress json` has these very fields. Sizes are bytes. */
export type Summary = {
  readonly outcome: "ok" | "failed";
  readonly elapsedMs: number;
  readonly layers: {
    readonly new: number;
    readonly newBytes: number;
    readonly reused: number;
    readonly reusedBytes: number;
  };
  readonly downloads: { readonly count: number; readonly bytes: number; readonly retries: number };
  readonly transcodes: { readonly count: number; readonly bytes: number };
  readonly uploads: { readonly count: number; readonly bytes: number };
  readonly warnings: number;
  readonly images: BuildState["images"];
  readonly outputs: BuildState["outputs"];
  /** Absent where every step was known. */
  readonly miss?: BuildState["miss"];
  readonly caches: BuildState["caches"];
};

export function summarize(state: BuildState, outcome: Summary["outcome"], nowMs: number): Summary {
  const made = state.layers.filter((layer) => !layer.isReused);
  const reused = state.layers.filter((layer) => layer.isReused);
  return {
    outcome,
    elapsedMs: Math.round(nowMs - state.startedMs),
    layers: { new: made.length, newBytes: sum(made), reused: reused.length, reusedBytes: sum(reused) },
    downloads: {
      count: state.totals.downloads,
      bytes: downloadedBytes(state),
      retries: state.totals.retries,
    },
    transcodes: { count: state.totals.transcodes, bytes: state.totals.transcodedBytes },
    uploads: { count: state.totals.uploads, bytes: uploadedBytes(state) },
    warnings: state.warnings.length,
    images: state.images,
    outputs: state.outputs,
    ...(state.miss !== undefined && { miss: state.miss }),
    caches: state.caches,
  };
}

/** New layers that the summary names; the rest is a number, so that a cold build stays readable. */
const namedLayers = 8;

/**
 * The closing lines of a build that made an image; none for a command without one. Digests are whole, since this is
 * where people copy them from.
 */
export function summaryLines(state: BuildState, style: Style, nowMs: number): string[] {
  if (state.images.length === 0) return [];
  const summary = summarize(state, "ok", nowMs);
  const lines: string[] = [""];
  for (const image of state.images) {
    const what = `${style.green("built")} ${style.bold(printable(image.platform))}`;
    lines.push(`${what} ${image.digest} ${style.dim(formatBytes(image.sizeBytes))}`);
  }
  lines.push(...layerLines(state, summary, style));
  const { transcodes, downloads, uploads } = summary;
  if (transcodes.count > 0) {
    lines.push(label("packages", `${transcodes.count} transcoded (${formatBytes(transcodes.bytes)})`));
  }
  if (downloads.bytes > 0) lines.push(label("downloaded", downloadText(summary)));
  if (uploads.bytes > 0) lines.push(label("uploaded", formatBytes(uploads.bytes)));
  for (const output of state.outputs) {
    lines.push(label("written to", `${printable(output.where)} ${style.dim(`(${output.kind})`)}`));
  }
  for (const cache of state.caches) lines.push(label("cache to", cacheText(cache, style)));
  if (state.miss !== undefined) lines.push(`  ${missText(state.miss, style)}`);
  for (const notice of state.notices) lines.push(label("note", printable(notice)));
  if (summary.warnings > 0) lines.push(label("warnings", style.yellow(`${summary.warnings}, above`)));
  lines.push(label("time", formatDuration(summary.elapsedMs)));
  return lines;
}

function label(name: string, text: string): string {
  return `  ${name.padEnd(11)} ${text}`;
}

function missText({ text, elapsedMs, cause }: NonNullable<BuildState["miss"]>, style: Style): string {
  const step = `${clip(printable(text), 60)} ${style.dim(`(${formatDuration(elapsedMs)})`)}`;
  return `most expensive miss: ${step}: ${printable(cause)} ${style.dim("(cambium explain)")}`;
}

/** Whether cache mounts went along is said either way. */
function cacheText({ where, sentBytes, mounts }: BuildState["caches"][number], style: Style): string {
  const sent = sentBytes === 0 ? "nothing new" : `${formatBytes(sentBytes)} sent`;
  const held = (mounts ?? []).map(({ id, sizeBytes }) => `${printable(id)} ${formatBytes(sizeBytes)}`);
  const without = mounts === null ? "without cache mounts" : "no cache mounts";
  const told = held.length === 0 ? without : `${formatCount(held.length, "cache mount")}: ${held.join(", ")}`;
  return `${printable(where)} ${style.dim(`(${sent}; ${told})`)}`;
}

function downloadText(summary: Summary): string {
  const { bytes, count, retries } = summary.downloads;
  const again = retries === 0 ? "" : `, ${formatCount(retries, "retry", "retries")}`;
  return `${formatBytes(bytes)} in ${formatCount(count, "file")}${again}`;
}

function layerLines(state: BuildState, summary: Summary, style: Style): string[] {
  const { layers } = summary;
  const reused = `${layers.reused} reused (${formatBytes(layers.reusedBytes)})`;
  const made = `${layers.new} new (${formatBytes(layers.newBytes)})`;
  const head =
    layers.new === 0 ? `all ${reused}` : layers.reused === 0 ? `all ${made}` : `${reused}, ${made}`;
  const lines = [label("layers", head)];
  if (layers.reused === 0) return lines;
  const fresh = state.layers.filter((layer) => !layer.isReused).toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  for (const layer of fresh.slice(0, namedLayers)) {
    lines.push(
      label("", `${style.green("+")} ${printable(layer.name)} ${style.dim(formatBytes(layer.sizeBytes))}`),
    );
  }
  const rest = fresh.slice(namedLayers);
  if (rest.length > 0) lines.push(label("", `+ ${rest.length} more ${style.dim(formatBytes(sum(rest)))}`));
  return lines;
}

function sum(layers: readonly LayerState[]): number {
  return layers.reduce((total, layer) => total + layer.sizeBytes, 0);
}
