import type { Digest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment, SegmentId } from "../../layer/segment.ts";
import type { ComposedLayer } from "../../solve/image-layers.ts";
import type { Store } from "../../store/store.ts";
import type { ImageResult } from "../results.ts";

/** What the store keeps of an image for its build record: by the manifest's digest, so for a known image too. */
export type ImageRecord = {
  readonly key: Digest;
  /** RFC 3339. */
  readonly created: string;
  readonly result: ImageResult;
  readonly layers: readonly (LayerRecord & {
    /** Of its plan. */
    readonly key: Digest;
    readonly segments: readonly SegmentId[];
  })[];
  readonly generatedKey?: Digest;
  /** The project's own files, in the order of their layers. */
  readonly files: readonly SegmentId[];
  /** It has less than its key says, for want of something on this machine: not for others. */
  readonly isPartial?: true;
};

export function rememberImageRecord(
  store: Store,
  input: {
    readonly key: Digest;
    readonly created: string;
    readonly result: ImageResult;
    readonly layers: readonly ComposedLayer[];
    readonly generatedKey: Digest | undefined;
    readonly files: readonly Segment[];
    readonly isPartial: boolean;
  },
): void {
  const { key, created, result, generatedKey } = input;
  // The same image may be all that another definition says.
  if (input.isPartial && imageRecord(store, result.digest) !== undefined) return;
  const record: ImageRecord = {
    ...{ key, created, result },
    layers: input.layers.map(({ key: planKey, layer, segments }) => ({
      key: planKey,
      descriptor: layer.descriptor,
      diffId: layer.diffId,
      segments: segments.map(({ id }) => id),
    })),
    ...(generatedKey !== undefined && { generatedKey }),
    files: input.files.map(({ id }) => id),
    ...(input.isPartial && { isPartial: true }),
  };
  store.records.put("image-record", result.digest, record);
}

export function imageRecord(store: Store, digest: Digest): ImageRecord | undefined {
  return store.records.get("image-record", digest) as ImageRecord | undefined;
}
