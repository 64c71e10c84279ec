import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { freeBytes, freeMemory } from "../../layer/chunks.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { BlobReader, BlobWriter } from "../../layer/segment.ts";
import { condenseIndex } from "./package-table.ts";
import { xzDecompress } from "./xz.ts";

/** The text of a `Packages` file has 57 MB; some room for growth. */
const MAX_TEXT_BYTES = 512 << 20;
/** The largest has 20 MB condensed: one buffer then, where 300 small ones would be there twice while they are joined. */
const USUAL_BYTES = 33 << 20;

/**
 * Keeps a verified `Packages.xz` as a blob that `readIndexBlob` can read: condensed and packed by zstd. Takes a second
 * and 130 MB for bookworm's main, so it is work for a thread. `packed` is freed.
 * @throws CambiumError `XZ_INVALID`, `ARCHIVE_LIMIT`; `where` names the index.
 */
export async function putIndexBlob(packed: Uint8Array, where: string, blobs: BlobWriter): Promise<Digest> {
  const content = await xzDecompress(packed, MAX_TEXT_BYTES, where);
  freeBytes(packed);
  const condensed = condenseIndex(content);
  freeBytes(content);
  const digest = blobs.put(zstdCompressSync(condensed));
  freeMemory(condensed.buffer);
  return digest;
}

/** The condensed index; undefined for a blob that is lost, damaged or something else. */
export function readIndexBlob(
  digest: Digest,
  blobs: BlobReader & { size(digest: Digest): number | undefined },
): Buffer | undefined {
  try {
    const size = blobs.size(digest);
    if (size === undefined) return undefined;
    const bytes = new Uint8Array(size);
    blobs.read(digest, 0, bytes);
    if (digestOf(bytes) !== digest) return undefined;
    return zstdDecompressSync(bytes, { maxOutputLength: MAX_TEXT_BYTES, chunkSize: USUAL_BYTES });
  } catch {
    // Whatever is wrong with it, the index can be had again.
    return undefined;
  }
}
