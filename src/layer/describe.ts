import { CHUNK_BYTES, takeChunk } from "./chunks.ts";
import { type LayerPlan, layerExtents, layerPieces } from "./compose.ts";
import { Hasher } from "./digest.ts";
import { headerMember, memberHeader, memberTrailer } from "./gzip.ts";
import { inflatePayload } from "./inflate.ts";
import { LAYER_MEDIA_TYPE, type Layer, type LayerRecord } from "./layer.ts";
import type { BlobReader, Payload } from "./segment.ts";

/** Sees the content of one file go by, and is then asked to come to its end. */
export type ContentWatch = { update(bytes: Uint8Array): void; end(): Promise<void> | undefined };

/**
 * Computes digest, size and diff id of a planned layer, and checks the CRC and size of every payload on the way.
 * `watch` may look at the content of each file too: a wheel is inflated once for everything.
 * Memory: a few MB.
 */
export async function describeLayer(
  plan: LayerPlan,
  reader: BlobReader,
  where: string,
  watch?: (path: string, payload: Payload, size: number) => ContentWatch,
): Promise<LayerRecord> {
  const stored = new Hasher();
  const tar = new Hasher();
  let size = 0;
  const store = (bytes: Uint8Array) => {
    stored.update(bytes);
    size += bytes.length;
  };
  for (const piece of layerPieces(plan)) {
    if (piece.kind === "headers") {
      tar.update(piece.tar);
      store(headerMember(piece.tar));
      continue;
    }
    const content = watch?.(piece.path, piece.payload, piece.size);
    store(memberHeader());
    const onBytes = (bytes: Uint8Array) => {
      tar.update(bytes);
      content?.update(bytes);
    };
    await inflatePayload(reader, piece.payload, piece.size, `${where}: ${piece.path}`, onBytes, store);
    store(memberTrailer(piece.payload.crc32, piece.size));
    const ending = content?.end();
    if (ending !== undefined) await ending;
  }
  return { descriptor: { mediaType: LAYER_MEDIA_TYPE, digest: stored.digest(), size }, diffId: tar.diffId() };
}

/** A layer whose bytes are put together from stored ranges each time they are read. */
export function composedLayer(plan: LayerPlan, record: LayerRecord, reader: BlobReader): Layer {
  return { descriptor: record.descriptor, diffId: record.diffId, compressed: () => layerBytes(plan, reader) };
}

/** Chunks to give back: small pieces are gathered, since a write per tar header would cost more than the header. */
async function* layerBytes(plan: LayerPlan, reader: BlobReader): AsyncGenerator<Uint8Array> {
  let chunk = takeChunk();
  let used = 0;
  for (const extent of layerExtents(plan)) {
    const length = extent.kind === "bytes" ? extent.bytes.length : extent.length;
    for (let done = 0; done < length; ) {
      const part = Math.min(CHUNK_BYTES - used, length - done);
      const target = chunk.subarray(used, used + part);
      if (extent.kind === "bytes") target.set(extent.bytes.subarray(done, done + part));
      else reader.read(extent.blob, extent.offset + done, target);
      used += part;
      done += part;
      if (used === CHUNK_BYTES) {
        yield chunk;
        // The consumer has the last one.
        chunk = takeChunk();
        used = 0;
      }
    }
  }
  if (used > 0) yield chunk.subarray(0, used);
}
