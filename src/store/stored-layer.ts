import { CambiumError } from "../errors.ts";
import type { ArrangedSegment } from "../layer/arrange.ts";
import { composeLayer, type LayerPlan } from "../layer/compose.ts";
import { composedLayer } from "../layer/describe.ts";
import type { Digest } from "../layer/digest.ts";
import type { DirectoryEntry } from "../layer/entry.ts";
import type { Layer, LayerRecord } from "../layer/layer.ts";
import type { Segment, SegmentId } from "../layer/segment.ts";
import type { Store } from "./store.ts";

/** How to make a known layer again from the store: what `composeLayer` was given. */
type Composition = {
  /** Of the plan. */
  readonly key: Digest;
  readonly segments: readonly {
    readonly id: SegmentId;
    readonly renamed: readonly (readonly [string, string])[];
    readonly omitted: readonly string[];
  }[];
  readonly directories: readonly DirectoryEntry[];
};

/** What is known of a planned layer, if it was described before, on this machine. */
export function knownLayer(store: Store, planKey: Digest): LayerRecord | undefined {
  return store.records.get("layer", planKey) as LayerRecord | undefined;
}

/** Remembers what a planned layer came to, and how to make its bytes again. */
export function rememberLayer(store: Store, planKey: Digest, record: LayerRecord): void {
  store.records.put("layer", planKey, record);
}

export function rememberComposition(
  store: Store,
  record: LayerRecord,
  plan: LayerPlan,
  segments: readonly ArrangedSegment[],
): void {
  const composition: Composition = {
    key: plan.key,
    segments: segments.map(({ segment, renamed, omitted }) => ({
      id: segment.id,
      renamed: [...renamed],
      omitted: [...omitted],
    })),
    directories: plan.directories.filter(
      (it) => it.mode !== 0o755 || it.uid !== 0 || it.gid !== 0 || it.xattrs,
    ),
  };
  store.records.put("composition", record.descriptor.digest, composition);
}

/**
 * A layer that the store has whole, or that was composed here before; its segments are loaded when its bytes are asked
 * for. @throws CambiumError `LAYER_UNKNOWN` then, when the store lost what it needs.
 */
export function storedLayer(store: Store, record: LayerRecord): Layer {
  const load = () => composedLayer(storedPlan(store, record), record, store.blobs).compressed();
  return {
    descriptor: record.descriptor,
    diffId: record.diffId,
    compressed: async function* () {
      yield* store.blobs.has(record.descriptor.digest)
        ? store.blobs.stream(record.descriptor.digest)
        : load();
    },
  };
}

/** Whether the layer's bytes can be composed from what is here. */
export function isComposable(store: Store, digest: Digest): boolean {
  const composition = store.records.get("composition", digest) as Composition | undefined;
  return (
    composition?.segments.every(({ id }) =>
      store.segments.get(id)?.blobs.every((blob) => store.blobs.has(blob)),
    ) === true
  );
}

/** The segments of a layer that was composed here; undefined when it was not, or the store lost one. */
export function compositionSegments(store: Store, digest: Digest): Segment[] | undefined {
  const composition = store.records.get("composition", digest) as Composition | undefined;
  const segments = composition?.segments.map(({ id }) => store.segments.get(id));
  return segments?.every((segment) => segment !== undefined) ? (segments as Segment[]) : undefined;
}

/** Which segments a layer was composed of; undefined for one that was not composed here. */
export function compositionIds(store: Store, digest: Digest): SegmentId[] | undefined {
  const composition = store.records.get("composition", digest) as Composition | undefined;
  return composition?.segments.map(({ id }) => id);
}

/** Key of the plan that a layer was composed by; undefined for one that was not composed here. */
export function compositionKey(store: Store, digest: Digest): Digest | undefined {
  return (store.records.get("composition", digest) as Composition | undefined)?.key;
}

/** Blobs that the composition of a layer points into; none for a layer that was not composed here. */
export function compositionBlobs(store: Store, digest: Digest): Digest[] {
  const composition = store.records.get("composition", digest) as Composition | undefined;
  return (composition?.segments ?? []).flatMap(({ id }) => store.segments.get(id)?.blobs ?? []);
}

/** For a layer whose bytes are needed and nowhere to be had. */
export function layerUnknown(digest: Digest, what: string): CambiumError {
  return new CambiumError("LAYER_UNKNOWN", `layer ${digest}: ${what}`, {
    hint: "The store was pruned or is another one: build the image again.",
  });
}

/** The plan of a composed layer: its entries in order. @throws CambiumError `LAYER_UNKNOWN`. */
export function storedPlan(store: Store, record: LayerRecord): LayerPlan {
  const { digest } = record.descriptor;
  const composition = store.records.get("composition", digest) as Composition | undefined;
  if (composition === undefined) throw layerUnknown(digest, "not composed in this store");
  const segments = composition.segments.map(({ id, renamed, omitted }): ArrangedSegment => {
    const segment = store.segments.get(id);
    if (segment === undefined) throw layerUnknown(digest, `the segment ${id} is gone`);
    return { segment, renamed: new Map(renamed), omitted: new Set(omitted) };
  });
  const directories = new Map(composition.directories.map((it) => [it.path, it]));
  return composeLayer(segments, { directories });
}
