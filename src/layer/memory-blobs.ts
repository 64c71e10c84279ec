import { CambiumError } from "../errors.ts";
import { type Digest, digestOf } from "./digest.ts";
import type { BlobReader, BlobWriter } from "./segment.ts";

/** Blobs in memory: for small things that never reach a store, and for tests of everything above. */
export class MemoryBlobs implements BlobReader, BlobWriter {
  readonly #blobs = new Map<Digest, Uint8Array>();

  put(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return digest;
  }

  read(digest: Digest, offset: number, target: Uint8Array): void {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new CambiumError("BLOB_UNKNOWN", `not in memory: ${digest}`);
    if (offset + target.length > bytes.length) {
      throw new CambiumError(
        "SIZE_INVALID",
        `${digest}: ${bytes.length} bytes end before ${offset + target.length}`,
      );
    }
    target.set(bytes.subarray(offset, offset + target.length));
  }
}
