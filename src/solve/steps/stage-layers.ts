import type { StepPlace } from "../../graph/stages.ts";
import type { ContentIds } from "../../graph/step-key.ts";
import type { LayerRecord } from "../../layer/layer.ts";
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

/** A stage as far as it has come: plain data, never changed. */
export type StageLayers = {
  /** The image of a registry that the first of its stages stands on. */
  readonly base: BaseDocuments | undefined;
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
  return [...(base?.layers ?? []).map(({ diffId }) => diffId), ...own];
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
