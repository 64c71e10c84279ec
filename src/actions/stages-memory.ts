import type { StageGraph } from "../graph/stages.ts";
import type { Digest } from "../layer/digest.ts";
import type { KnownStep } from "../solve/steps/step-memory.ts";
import type { Store } from "../store/store.ts";

/** What the store keeps of an image that was built in stages for its record: by the manifest's digest. */
export type StagesMemory = {
  readonly key: Digest;
  readonly steps: readonly { readonly key: Digest; readonly result: KnownStep }[];
  /** Manifests of images that it was built on or took files from. */
  readonly bases: readonly Digest[];
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
