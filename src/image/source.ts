import { CambiumError } from "../errors.ts";
import type { Descriptor } from "../layer/digest.ts";

/** What names a blob, from a document of which nothing is trusted. */
export type StatedBlob = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** An image that exists somewhere: a layout folder, a tar, the store, a registry. Its bytes are not trusted. */
export interface ImageSource {
  /** For messages: the path or reference, without credentials. */
  readonly where: string;
  /** What the name points to: a manifest or an index. */
  readonly root: Descriptor;
  /**
   * Bytes of a blob as they are, not checked; by its media type a registry knows manifests from other blobs.
   * @throws CambiumError `BLOB_UNKNOWN` (perhaps while reading).
   */
  read(blob: StatedBlob): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export function blobUnknown(where: string, digest: string): CambiumError {
  return new CambiumError("BLOB_UNKNOWN", `${where}: no blob ${digest}`, {
    hint: "The image is incomplete; write or fetch it again.",
  });
}
