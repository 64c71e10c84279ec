import type { Stage, StepPlace } from "../../graph/stages.ts";
import type { ContentIds } from "../../graph/step-key.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { SegmentId } from "../../layer/segment.ts";
import type { BaseDocuments } from "../base-documents.ts";
import type { KnownStep } from "./step-memory.ts";

/** What one step added to its stage. */
export type StageLayer = {
  /** The step, as the image's history shows it. */
  readonly text: string;
  readonly record: LayerRecord;
  /** Stands for the layer in the keys of what comes above it. */
  readonly content: string;
  /** Known before this build. */
  readonly isReused: boolean;
};

/** What the first step stands on: an image of a registry, or packages that were computed. */
export type StackBase = Pick<BaseDocuments, "config" | "layers"> & {
  /** Absent: the diff ids. Of packages what they are, however they are grouped into layers. */
  readonly contents?: ContentIds;
  /** Paths of bytecode that was computed for the packages, and that nothing checks against its source. */
  readonly bytecode?: ReadonlySet<string>;
};

/** A stage as far as it has come: plain data, never changed. */
export type StageLayers = {
  /** Of the first of its stages. */
  readonly base: StackBase | undefined;
  /** Of its steps in order; undefined where a step changed nothing. */
  readonly steps: readonly (StageLayer | { readonly text: string; readonly record?: undefined })[];
  /** Of a difference: the layers that it was made on. They are no part of the stage, and say what its paths meant there. */
  readonly over?: StageLayers;
};

/** All layers, bottom up. */
export function recordsOf({ base, steps }: StageLayers): LayerRecord[] {
  return [...(base?.layers ?? []), ...steps.flatMap(({ record }) => record ?? [])];
}

/** What the file tree is made of, for keys. */
export function contentsOf({ base, steps }: StageLayers): ContentIds {
  const own = steps.flatMap((step) => (step.record === undefined ? [] : [step.content]));
  const below = base?.contents ?? (base?.layers ?? []).map(({ diffId }) => diffId);
  return [...below, ...own];
}

/**
 * What packages are as something to stand on: which segments they have says what their tree is, since who wins a path
 * goes by their names, and not by the layers that they are grouped into.
 */
export function packageContents(below: readonly LayerRecord[], segments: readonly SegmentId[]): ContentIds {
  return [...below.map(({ diffId }) => diffId), ...[...new Set(segments)].sort()];
}

/** What a step is called in events. */
export function stepName({ name }: Pick<Stage, "name">, { line, text }: StepPlace): string {
  return `${name} ${line}: ${text}`;
}

/** What was remembered of a step as its layer; undefined where it changed nothing. */
export function layerFrom(
  { text }: StepPlace,
  { layer, content }: KnownStep,
  isReused: boolean,
): StageLayer | undefined {
  return layer === undefined ? undefined : { text, record: layer, content: content!, isReused };
}

/** All layers, bottom up, as those of one step. */
export function layersOf({ base, steps }: StageLayers, text: string): StageLayer[] {
  const below = (base?.layers ?? []).map((record) => ({ record, content: record.diffId }));
  const own = steps.flatMap((step) => (step.record === undefined ? [] : [step]));
  return [...below, ...own].map(({ record, content }) => ({ text, record, content, isReused: true }));
}
