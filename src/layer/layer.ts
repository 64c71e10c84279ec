import type { Descriptor, DiffId } from "./digest.ts";

/** One changeset of an image, immutable, whatever it is made of. Bytes may be produced while they are read. */
export interface Layer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  /** The bytes that `descriptor` names; each call begins anew. */
  compressed(): AsyncIterable<Uint8Array>;
}

/** What is known of a layer without its bytes: enough to name it in a manifest. */
export type LayerRecord = { readonly descriptor: Descriptor; readonly diffId: DiffId };

export const LAYER_MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
/** For what need not be the same bytes on every machine: zstd's come from Node's own library. */
export const ZSTD_LAYER_MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd";
