import { formatBytes, formatCount, formatDuration } from "./format.ts";
import { clip, pad, printable } from "./printable.ts";
import { type BuildState, downloadedBytes, type StepState, type TransferState } from "./state.ts";
import type { Style } from "./style.ts";

export type Screen = { readonly columns: number; readonly rows: number; readonly style: Style };

/** Transfers shown one by one; more say nothing to a reader and would push the steps off the screen. */
const shownTransfers = 6;
/** Ten states: one redraw each at ten redraws a second. */
const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/**
 * The moving part of the terminal: what ended (as far as there is room), what runs, and what moves. Never wider than
 * the screen, since a wrapped line cannot be erased by counting lines; never as high as it.
 */
export function terminalLines(state: BuildState, screen: Screen, nowMs: number): string[] {
  const width = Math.max(1, screen.columns - 1);
  const moving = movingLines(state, width, screen.style, nowMs);
  const room = Math.max(1, screen.rows - 2);
  const steps = stepLines(state.steps, Math.max(1, room - moving.length), width, screen.style, nowMs);
  return [...steps, ...moving].slice(-room);
}

function stepLines(
  steps: readonly StepState[],
  room: number,
  width: number,
  style: Style,
  nowMs: number,
): string[] {
  const running = steps.filter((step) => step.outcome === undefined);
  const ended = steps.filter((step) => step.outcome !== undefined);
  const endedRoom = Math.max(0, room - running.length);
  const hidden = ended.length > endedRoom ? ended.length - Math.max(0, endedRoom - 1) : 0;
  const lines: string[] = [];
  if (hidden > 0 && endedRoom > 0)
    lines.push(style.dim(clip(`✓ ${formatCount(hidden, "earlier step")}`, width)));
  for (const step of ended.slice(hidden)) lines.push(stepLine(step, width, style, nowMs));
  for (const step of running) {
    lines.push(stepLine(step, width, style, nowMs));
    for (const line of step.output ?? []) lines.push(style.dim(clip(`  │ ${printable(line)}`, width)));
  }
  return lines;
}

function stepLine(step: StepState, width: number, style: Style, nowMs: number): string {
  const time = step.outcome === "hit" ? "known" : formatDuration((step.endedMs ?? nowMs) - step.startedMs);
  const detail = step.detail === undefined ? "" : `  ${printable(step.detail)}`;
  const text = `${printable(step.name)}${detail}`;
  const textWidth = width - 2 - time.length - 2;
  // Below this a name is cut to nothing: the time goes first.
  if (textWidth < 8) return clip(`${plainMark(step, nowMs)} ${text}`, width);
  return `${mark(step, style, nowMs)} ${pad(text, textWidth)}  ${style.dim(time)}`;
}

function plainMark(step: StepState, nowMs: number): string {
  if (step.outcome === undefined) return spinner[Math.floor(nowMs / 100) % spinner.length]!;
  return step.outcome === "failed" ? "✗" : step.outcome === "hit" ? "=" : "✓";
}

function mark(step: StepState, style: Style, nowMs: number): string {
  const sign = plainMark(step, nowMs);
  if (step.outcome === undefined) return style.cyan(sign);
  return step.outcome === "failed" ? style.red(sign) : style.green(sign);
}

function movingLines(state: BuildState, width: number, style: Style, nowMs: number): string[] {
  const lines: string[] = [];
  if (state.downloads.size > 0) {
    lines.push(clip(`  ${downloadTotal(state, nowMs)}`, width));
    lines.push(...transferLines(state.downloads, width, style));
  }
  if (state.transcodes.size > 0) {
    const names = [...state.transcodes.values()].map((transcode) => printable(transcode.name)).join(", ");
    lines.push(clip(`  transcoding ${names}${doneOf(state.totals.transcodes)}`, width));
  }
  if (state.uploads.size > 0) {
    lines.push(
      clip(`  uploading ${formatCount(state.uploads.size, "layer")}${doneOf(state.totals.uploads)}`, width),
    );
    lines.push(...transferLines(state.uploads, width, style));
  }
  const reused = state.layers.filter((layer) => layer.isReused).length;
  if (state.layers.length > 0) {
    lines.push(style.dim(clip(`  layers: ${reused} reused, ${state.layers.length - reused} new`, width)));
  }
  return lines;
}

function doneOf(count: number): string {
  return count === 0 ? "" : ` (${count} done)`;
}

function downloadTotal(state: BuildState, nowMs: number): string {
  const received = downloadedBytes(state);
  let known: number | undefined = state.totals.downloadedBytes;
  let firstMs = nowMs;
  let underWay = 0;
  for (const transfer of state.downloads.values()) {
    known = known === undefined || transfer.sizeBytes === undefined ? undefined : known + transfer.sizeBytes;
    firstMs = Math.min(firstMs, transfer.startedMs);
    underWay += transfer.movedBytes;
  }
  const of = known === undefined ? "" : ` of ${formatBytes(known)}`;
  const elapsedMs = nowMs - firstMs;
  // A rate over less than half a second jumps about.
  const rate = elapsedMs < 500 ? "" : `, ${formatBytes(Math.round((underWay * 1000) / elapsedMs))}/s`;
  return `downloading ${formatBytes(received)}${of}${rate}${doneOf(state.totals.downloads)}`;
}

function transferLines(transfers: ReadonlyMap<string, TransferState>, width: number, style: Style): string[] {
  // The largest first and ties by name, so that lines do not jump as small ones come and go.
  const sorted = [...transfers.values()].toSorted(
    (a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0) || (a.name < b.name ? -1 : 1),
  );
  const lines = sorted.slice(0, shownTransfers).map((transfer) => transferLine(transfer, width, style));
  if (sorted.length > shownTransfers)
    lines.push(clip(`    and ${sorted.length - shownTransfers} more`, width));
  return lines;
}

function transferLine(transfer: TransferState, width: number, style: Style): string {
  const name = printable(transfer.name);
  if (transfer.retry !== undefined)
    return clip(`    ${name}  trying again: ${printable(transfer.retry)}`, width);
  const size = transfer.sizeBytes === undefined ? "" : ` / ${formatBytes(transfer.sizeBytes)}`;
  const moved = `${formatBytes(transfer.movedBytes)}${size}`.padStart(19);
  const nameWidth = Math.min(36, Math.max(12, width - 60));
  const barWidth = Math.min(24, width - 4 - nameWidth - 1 - moved.length - 1);
  if (barWidth < 6 || transfer.sizeBytes === undefined) {
    const roomForName = width - 4 - moved.length - 1;
    if (roomForName < 8) return clip(`    ${name}`, width);
    return `    ${pad(name, Math.min(roomForName, nameWidth + Math.max(0, barWidth) + 1))} ${moved}`;
  }
  return `    ${pad(name, nameWidth)} ${bar(transfer.movedBytes / transfer.sizeBytes, barWidth, style)} ${moved}`;
}

function bar(share: number, width: number, style: Style): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `${style.green("━".repeat(full))}${style.dim("╌".repeat(width - full))}`;
}
