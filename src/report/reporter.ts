import type { BuildEvent, Emit } from "../events.ts";
import { errorDocument, errorLines } from "./error-lines.ts";
import { plainLines, warningLines } from "./plain.ts";
import { type BuildState, initialState, nextState } from "./state.ts";
import type { Style } from "./style.ts";
import { summarize, summaryLines } from "./summary.ts";
import { terminalLines } from "./terminal.ts";

export const progressModes = ["auto", "tty", "plain", "json"] as const;
export type ProgressMode = (typeof progressModes)[number];

/** What a reporter needs of a stream; `process.stderr` is one. */
export type ReportStream = {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Redraws the lines below what was written; `clear` takes them away. */
export type LiveRegion = { draw(lines: readonly string[]): void; clear(): void };

export type ReporterSettings = {
  readonly mode: Exclude<ProgressMode, "auto">;
  readonly stream: ReportStream;
  readonly style: Style;
  readonly version: string;
  /** Milliseconds since 1970; differences give the durations. */
  readonly now: () => number;
  /** Loads what draws on a terminal: asked only when a build outlives `liveAfterMs`, since loading takes 70 ms. */
  readonly openLiveRegion: (stream: ReportStream) => Promise<LiveRegion>;
};

/** Takes the events of one command and tells them; `succeed` or `fail` ends it. */
export type Reporter = {
  readonly emit: Emit;
  succeed(): void;
  fail(thrown: unknown): void;
};

/** Ten redraws a second: smooth enough, and under 1 % of a core. */
const redrawMs = 100;
/** What ends sooner is over before a display could be read. */
const liveAfterMs = 200;
/** A change of a JSON line's meaning is a new number. */
const jsonFormat = 1;

/** The mode that `auto` stands for on this stream. */
export function resolveProgressMode(
  mode: ProgressMode,
  stream: ReportStream,
  env: Readonly<Record<string, string | undefined>>,
): Exclude<ProgressMode, "auto"> {
  if (mode !== "auto") return mode;
  return stream.isTTY === true && env.TERM !== "dumb" && !env.CI ? "tty" : "plain";
}

export function createReporter(settings: ReporterSettings): Reporter {
  if (settings.mode === "json") return createJsonReporter(settings);
  return settings.mode === "tty" ? createTerminalReporter(settings) : createPlainReporter(settings);
}

function createPlainReporter({ stream, style, now }: ReporterSettings): Reporter {
  let state = initialState(now());
  let isOver = false;
  return {
    emit(event) {
      const nowMs = now();
      if (!isOver) writeLines(stream, plainLines(state, event, nowMs));
      isOver ||= event.type === "process-started";
      state = nextState(state, event, nowMs);
    },
    succeed: () => writeLines(stream, summaryLines(state, style, now())),
    fail: (thrown) => writeLines(stream, errorLines(thrown, style)),
  };
}

function createJsonReporter({ stream, version, now }: ReporterSettings): Reporter {
  let state = initialState(now());
  const write = (document: object): void => {
    stream.write(`${JSON.stringify({ time: new Date(now()).toISOString(), ...document })}\n`);
  };
  write({ type: "start", format: jsonFormat, version });
  const end = (outcome: "ok" | "failed"): void =>
    write({ type: "summary", ...summarize(state, outcome, now()) });
  return {
    emit(event) {
      write(event);
      state = nextState(state, event, now());
    },
    succeed: () => end("ok"),
    fail(thrown) {
      write(errorDocument(thrown));
      end("failed");
    },
  };
}

function createTerminalReporter(settings: ReporterSettings): Reporter {
  const { stream, style, now } = settings;
  let state: BuildState = initialState(now());
  let region: LiveRegion | undefined;
  let isOver = false;
  const draw = (): void => {
    const screen = { columns: stream.columns ?? 80, rows: stream.rows ?? 24, style };
    region?.draw(terminalLines(state, screen, now()));
  };
  const redraw = setInterval(draw, redrawMs);
  const open = setTimeout(() => {
    settings.openLiveRegion(stream).then(
      (opened) => {
        if (!isOver) region = opened;
      },
      () => {
        // Only the display is lost: the closing lines come all the same.
        region = undefined;
      },
    );
  }, liveAfterMs);
  // A build that is over must not wait for its display.
  redraw.unref();
  open.unref();
  const end = (lines: readonly string[]): void => {
    if (!isOver) close();
    writeLines(stream, lines);
  };
  const close = (): void => {
    isOver = true;
    clearInterval(redraw);
    clearTimeout(open);
    region?.clear();
    region = undefined;
  };
  const above = (lines: readonly string[]): void => {
    region?.clear();
    writeLines(stream, lines);
    draw();
  };
  return {
    emit(event: BuildEvent) {
      if (event.type === "process-started") close();
      const isNew = event.type === "warning";
      const before = state.warnings.length;
      state = nextState(state, event, now());
      if (isNew && state.warnings.length > before) above(warningLines(event));
    },
    succeed: () => end(summaryLines(state, style, now())),
    fail: (thrown) => end(errorLines(thrown, style)),
  };
}

function writeLines(stream: ReportStream, lines: readonly string[]): void {
  if (lines.length > 0) stream.write(`${lines.join("\n")}\n`);
}
