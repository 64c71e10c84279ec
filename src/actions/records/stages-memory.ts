import type { StageGraph, Step } from "../../graph/stages.ts";
import type { Digest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { recordsOf, type StageLayers } from "../../solve/steps/stage-layers.ts";
import type { KnownStep } from "../../solve/steps/step-memory.ts";
import type { Store } from "../../store/store.ts";

/** What the store keeps of an image that was built in stages for its record: by the manifest's digest. */
export type StagesMemory = {
  readonly key: Digest;
  /** Each RUN of each stage that was needed. */
  readonly steps: readonly { readonly key: Digest; readonly result: KnownStep }[];
  /** Of all stages that were needed, each once: see `layersToTell`. */
  readonly layers: readonly LayerRecord[];
  /** Manifests of images that it was built on or took files from. */
  readonly bases: readonly Digest[];
  /** Manifests of the packages that its stages stand on. */
  readonly stacks: readonly Digest[];
};

export function rememberStages(store: Store, image: Digest, memory: StagesMemory): void {
  store.records.put("stages-record", image, memory);
}

export function stagesMemory(store: Store, image: Digest): StagesMemory | undefined {
  return store.records.get("stages-record", image) as StagesMemory | undefined;
}

/** Digests of all images in a graph, each once. */
export function imagesIn({ stages }: StageGraph): Digest[] {
  const found = new Set<string>();
  for (const { base, steps } of stages) {
    const sources = steps.flatMap((step) => {
      if (step.op === "copy") return step.sources.flatMap((one) => (one.kind === "files" ? [one.from] : []));
      if (step.op === "run") return step.mounts.flatMap((one) => (one.type === "bind" ? [one.from] : []));
      return [];
    });
    for (const one of [base, ...sources]) if (one.kind === "image") found.add(one.digest);
  }
  return [...found] as Digest[];
}

/**
 * Layers of the image and of the stages that it needed, but for copies of a build context that are not in the image: who
 * builds again has the context, and whom the image is for need not know what is in it.
 */
export function layersToTell(
  { stages }: StageGraph,
  image: StageLayers,
  others: Iterable<StageLayers>,
): LayerRecord[] {
  const ofContext = new Set(
    stages.flatMap(({ steps }) => steps.filter(takesOfContext).map(({ text }) => text)),
  );
  const found = new Map<Digest, LayerRecord>();
  const tell = (layers: readonly LayerRecord[]) => {
    for (const { descriptor, diffId } of layers) found.set(descriptor.digest, { descriptor, diffId });
  };
  tell(recordsOf(image));
  for (const { base, steps } of others) {
    tell(base?.layers ?? []);
    tell(steps.flatMap(({ text, record }) => (record === undefined || ofContext.has(text) ? [] : [record])));
  }
  return [...found.values()];
}

function takesOfContext(step: Step): boolean {
  if (step.op !== "copy") return false;
  return step.sources.some(({ kind, ...source }) =>
    kind === "files" && "from" in source ? source.from.kind === "context" : kind === "inline",
  );
}
