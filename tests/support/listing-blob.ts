import { LISTING_MEDIA_TYPE } from "../../src/cache/record-artifact.ts";
import { type Descriptor, digestOf } from "../../src/layer/digest.ts";

/** A blob to push beside a hand-made record. */
export type PushedBlob = {
  readonly descriptor: Descriptor;
  readonly bytes: () => AsyncIterable<Uint8Array>;
};

/** Any bytes as the listing that a record names. */
export function listingBlob(bytes: Uint8Array): PushedBlob {
  const descriptor = { mediaType: LISTING_MEDIA_TYPE, digest: digestOf(bytes), size: bytes.length };
  return {
    descriptor,
    bytes: async function* () {
      yield bytes;
    },
  };
}
