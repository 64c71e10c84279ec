import type { BuildEvent } from "../events.ts";
import { formatBytes, formatDuration, shortDigest } from "./format.ts";
import { printable } from "./printable.ts";
import type { BuildState } from "./state.ts";

/**
 * A download below both is left to the summary: a base alone has 60 of them, and a log should show what took time.
 */
const notableBytes = 5_000_000;
const notableMs = 2000;

/**
 * The lines one event is worth in a log that is kept: what ended, with its time; nothing of what merely moves.
 * `state` is the one before the event.
 */
export function plainLines(state: BuildState, event: BuildEvent, nowMs: number): string[] {
  switch (event.type) {
    case "step-done": {
      const step = state.steps.find((known) => known.id === event.id && known.outcome === undefined);
      const name = printable(step?.name ?? event.id);
      const detail = event.detail === undefined ? "" : `: ${printable(event.detail)}`;
      const time =
        step === undefined || event.outcome === "hit" ? "" : ` (${formatDuration(nowMs - step.startedMs)})`;
      return [`${stepWords[event.outcome]} ${name}${detail}${time}`];
    }
    case "step-output":
      return [`         | ${printable(event.line)}`];
    case "download-retry":
    case "upload-retry":
      return [
        `retry      ${printable(event.name)}: ${printable(event.reason)}; next try in ${formatDuration(event.waitMs)}`,
      ];
    case "download-done": {
      const transfer = state.downloads.get(event.id);
      if (transfer === undefined) return [];
      const elapsedMs = nowMs - transfer.startedMs;
      if (event.receivedBytes < notableBytes && elapsedMs < notableMs) return [];
      const time = formatDuration(elapsedMs);
      return [`downloaded ${printable(transfer.name)} ${formatBytes(event.receivedBytes)} (${time})`];
    }
    case "layer":
      return [
        `${event.isReused ? "reused    " : "layer     "} ${printable(event.name)} ${shortDigest(event.digest)} ${formatBytes(event.sizeBytes)}`,
      ];
    case "upload-done": {
      const transfer = state.uploads.get(event.id);
      if (transfer === undefined) return [];
      const what = event.sentBytes === 0 ? "present   " : "uploaded  ";
      return [`${what} ${printable(transfer.name)} ${formatBytes(transfer.sizeBytes ?? event.sentBytes)}`];
    }
    case "warning":
      return warningLines(event);
    case "notice":
      return [`note: ${printable(event.message)}`];
    default:
      return [];
  }
}

/** `warning[CODE]: what`, and its hint on a line of its own. */
export function warningLines(event: {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}): string[] {
  const lines = [`warning[${printable(event.code)}]: ${printable(event.message, { keepNewlines: true })}`];
  if (event.hint !== undefined) lines.push(`hint: ${printable(event.hint, { keepNewlines: true })}`);
  return lines;
}

const stepWords = { hit: "known     ", done: "done      ", failed: "failed    " } as const;
