import type { BuildEvent, StepOutcome } from "../events.ts";

/** What is known of a build after some of its events; times are milliseconds of the reporter's clock. */
export type BuildState = {
  readonly startedMs: number;
  readonly steps: readonly StepState[];
  /** Only what is under way, by id. */
  readonly downloads: ReadonlyMap<string, TransferState>;
  readonly transcodes: ReadonlyMap<string, { readonly name: string; readonly sizeBytes: number }>;
  readonly uploads: ReadonlyMap<string, TransferState>;
  readonly totals: Totals;
  readonly layers: readonly LayerState[];
  readonly images: readonly ImageState[];
  readonly outputs: readonly OutputState[];
  readonly caches: readonly CacheState[];
  readonly warnings: readonly WarningState[];
  readonly notices: readonly string[];
  /** The most expensive step that was not known. */
  readonly miss?: MissState;
};

export type StepState = {
  readonly id: string;
  readonly name: string;
  readonly startedMs: number;
  readonly endedMs?: number;
  /** Absent while it runs. */
  readonly outcome?: StepOutcome;
  readonly detail?: string;
  /** The last lines that its program wrote. */
  readonly output?: readonly string[];
};

/** Enough to see what a step is at. */
const SHOWN_OUTPUT_LINES = 4;

export type TransferState = {
  readonly name: string;
  readonly sizeBytes?: number;
  readonly movedBytes: number;
  readonly startedMs: number;
  /** Set while it waits for another try. */
  readonly retry?: string;
};

export type LayerState = {
  readonly name: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly isReused: boolean;
};
export type ImageState = { readonly digest: string; readonly platform: string; readonly sizeBytes: number };
export type CacheState = Omit<Extract<BuildEvent, { type: "cache" }>, "type">;
export type OutputState = { readonly kind: string; readonly where: string; readonly digest: string };
export type MissState = Omit<BuildEvent & { type: "miss" }, "type">;
export type WarningState = { readonly code: string; readonly message: string; readonly hint?: string };

/** Of what has ended. */
export type Totals = {
  readonly downloads: number;
  readonly downloadedBytes: number;
  readonly retries: number;
  readonly transcodes: number;
  readonly transcodedBytes: number;
  readonly uploads: number;
  readonly uploadedBytes: number;
};

const noTotals: Totals = {
  downloads: 0,
  downloadedBytes: 0,
  retries: 0,
  transcodes: 0,
  transcodedBytes: 0,
  uploads: 0,
  uploadedBytes: 0,
};

export function initialState(startedMs: number): BuildState {
  return {
    startedMs,
    steps: [],
    downloads: new Map(),
    transcodes: new Map(),
    uploads: new Map(),
    totals: noTotals,
    layers: [],
    images: [],
    outputs: [],
    caches: [],
    warnings: [],
    notices: [],
  };
}

/**
 * The state after `event`. Events of unknown ids change nothing: a reporter must not fail a build.
 * A layer that several platforms share is counted once, and as new if any of them had to make it.
 */
export function nextState(state: BuildState, event: BuildEvent, nowMs: number): BuildState {
  switch (event.type) {
    case "step-started":
      return { ...state, steps: [...state.steps, { id: event.id, name: event.name, startedMs: nowMs }] };
    case "step-done":
      return {
        ...state,
        steps: state.steps.map((step) => (step.id === event.id ? endStep(step, event, nowMs) : step)),
      };
    case "step-output":
      return {
        ...state,
        steps: state.steps.map((step) =>
          step.id === event.id && step.outcome === undefined
            ? { ...step, output: [...(step.output ?? []), event.line].slice(-SHOWN_OUTPUT_LINES) }
            : step,
        ),
      };
    case "download-started":
      return { ...state, downloads: started(state.downloads, event, nowMs) };
    case "download-progress":
      return { ...state, downloads: moved(state.downloads, event.id, event.receivedBytes) };
    case "download-retry":
      return {
        ...state,
        downloads: retried(state.downloads, event.id, event.reason),
        totals: { ...state.totals, retries: state.totals.retries + 1 },
      };
    case "download-done":
      return {
        ...state,
        downloads: without(state.downloads, event.id),
        totals: {
          ...state.totals,
          downloads: state.totals.downloads + 1,
          downloadedBytes: state.totals.downloadedBytes + event.receivedBytes,
        },
      };
    case "transcode-started":
      return {
        ...state,
        transcodes: new Map(state.transcodes).set(event.id, { name: event.name, sizeBytes: event.sizeBytes }),
      };
    case "transcode-done": {
      const sizeBytes = state.transcodes.get(event.id)?.sizeBytes;
      if (sizeBytes === undefined) return state;
      return {
        ...state,
        transcodes: without(state.transcodes, event.id),
        totals: {
          ...state.totals,
          transcodes: state.totals.transcodes + 1,
          transcodedBytes: state.totals.transcodedBytes + sizeBytes,
        },
      };
    }
    case "layer":
      return { ...state, layers: withLayer(state.layers, event) };
    case "upload-started":
      return { ...state, uploads: started(state.uploads, event, nowMs) };
    case "upload-progress":
      return { ...state, uploads: moved(state.uploads, event.id, event.sentBytes) };
    case "upload-retry":
      return {
        ...state,
        uploads: retried(state.uploads, event.id, event.reason),
        totals: { ...state.totals, retries: state.totals.retries + 1 },
      };
    case "upload-done":
      return {
        ...state,
        uploads: without(state.uploads, event.id),
        totals: {
          ...state.totals,
          uploads: state.totals.uploads + (event.sentBytes > 0 ? 1 : 0),
          uploadedBytes: state.totals.uploadedBytes + event.sentBytes,
        },
      };
    case "warning": {
      const { type: _, ...warning } = event;
      const isKnown = state.warnings.some(
        (known) => known.code === warning.code && known.message === warning.message,
      );
      return isKnown ? state : { ...state, warnings: [...state.warnings, warning] };
    }
    case "notice":
      return state.notices.includes(event.message)
        ? state
        : { ...state, notices: [...state.notices, event.message] };
    case "image": {
      const { type: _, ...image } = event;
      return { ...state, images: [...state.images, image] };
    }
    case "miss": {
      const { type: _, ...miss } = event;
      return { ...state, miss };
    }
    case "process-started":
      return state;
    case "cache": {
      const { type: _, ...cache } = event;
      return { ...state, caches: [...state.caches, cache] };
    }
    case "output": {
      const { type: _, ...output } = event;
      return { ...state, outputs: [...state.outputs, output] };
    }
  }
}

/** Bytes received so far: of what has ended and of what is under way. */
export function downloadedBytes(state: BuildState): number {
  let sum = state.totals.downloadedBytes;
  for (const transfer of state.downloads.values()) sum += transfer.movedBytes;
  return sum;
}

export function uploadedBytes(state: BuildState): number {
  let sum = state.totals.uploadedBytes;
  for (const transfer of state.uploads.values()) sum += transfer.movedBytes;
  return sum;
}

function endStep(step: StepState, event: BuildEvent & { type: "step-done" }, nowMs: number): StepState {
  const detail = event.detail === undefined ? {} : { detail: event.detail };
  return { ...step, endedMs: nowMs, outcome: event.outcome, ...detail };
}

function started(
  transfers: BuildState["downloads"],
  event: { readonly id: string; readonly name: string; readonly sizeBytes?: number },
  nowMs: number,
): BuildState["downloads"] {
  const size = event.sizeBytes === undefined ? {} : { sizeBytes: event.sizeBytes };
  return new Map(transfers).set(event.id, { name: event.name, ...size, movedBytes: 0, startedMs: nowMs });
}

function moved(transfers: BuildState["downloads"], id: string, movedBytes: number): BuildState["downloads"] {
  const transfer = transfers.get(id);
  if (transfer === undefined) return transfers;
  const { retry: _, ...running } = transfer;
  return new Map(transfers).set(id, { ...running, movedBytes });
}

function retried(transfers: BuildState["downloads"], id: string, reason: string): BuildState["downloads"] {
  const transfer = transfers.get(id);
  return transfer === undefined ? transfers : new Map(transfers).set(id, { ...transfer, retry: reason });
}

function without<Value>(map: ReadonlyMap<string, Value>, id: string): ReadonlyMap<string, Value> {
  const rest = new Map(map);
  rest.delete(id);
  return rest;
}

function withLayer(
  layers: readonly LayerState[],
  event: BuildEvent & { type: "layer" },
): readonly LayerState[] {
  const { type: _, ...layer } = event;
  if (!layers.some((known) => known.digest === layer.digest)) return [...layers, layer];
  if (layer.isReused) return layers;
  return layers.map((known) => (known.digest === layer.digest ? layer : known));
}
