import { blobsOf, type ImageSet, rootOf } from "./image.ts";
import { blobUnknown, type ImageSource, type StatedBlob } from "./source.ts";

/** An image set that was just built, as a source to inspect or validate. */
export function sourceOfSet(set: ImageSet, where: string): ImageSource {
  const blobs = new Map(blobsOf(set).map((blob) => [blob.descriptor.digest, blob]));
  async function* read({ digest }: StatedBlob): AsyncGenerator<Uint8Array> {
    const blob = blobs.get(digest);
    if (blob === undefined) throw blobUnknown(where, digest);
    yield* blob.bytes();
  }
  return { where, root: rootOf(set).descriptor, read, close: async () => undefined };
}
