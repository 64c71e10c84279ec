import { CambiumError } from "../errors.ts";
import { digestOf, Hasher } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import type { LayerListing, WantedFile, WantedFiles } from "../layer/listing.ts";
import { ListingBuilder } from "../layer/listing-builder.ts";
import { readTar, type TarEntry } from "../layer/read-tar.ts";
import { decompressed } from "./decompress.ts";
import { Expansion } from "./expansion.ts";
import { layerCompression } from "./media-types.ts";

/** Everything that is kept of one layer. */
const MAX_KEPT_BYTES = 64 * 2 ** 20;
const EMPTY_DIGEST = digestOf("");

export type ReadLayerOptions = {
  readonly signal?: AbortSignal;
  /** Tar bytes that may come out before the ratio counts; a test sets less. */
  readonly freeBytes?: number;
};

/**
 * Streams a layer once and gives its listing, with the content of wanted files. `layer.compressed()` must be held to its
 * digest by whoever made it; the tar is held to the diff id here. Memory: the listing and one chunk.
 * @throws CambiumError `MEDIA_TYPE_UNKNOWN`, `DIFF_ID_INVALID`, `LAYER_BOMB`, `LAYER_DAMAGED`, `ARCHIVE_…`,
 *   `LAYER_WHITEOUT`, `LAYER_PARENT`, `LAYER_DUPLICATE`, `LAYER_LINK`, `LAYER_OVERLAY`.
 */
export async function readLayer(
  layer: Layer,
  wanted: WantedFiles,
  options: ReadLayerOptions = {},
): Promise<LayerListing> {
  const where = `layer ${layer.descriptor.digest}`;
  const compression = layerCompression(layer.descriptor.mediaType);
  if (compression === undefined) {
    const type = JSON.stringify(layer.descriptor.mediaType);
    throw new CambiumError("MEDIA_TYPE_UNKNOWN", `${where}: not a layer's media type: ${type}`, {
      hint: "Layers are tars, plain, gzip or zstd; encrypted and other artifacts cannot be a base.",
    });
  }
  const guard = new Expansion(where, options.freeBytes);
  const tar = guard.outgoing(decompressed(guard.incoming(layer.compressed()), compression, where));
  const builder = new ListingBuilder(where);
  const contents = new Map<string, Uint8Array>();
  let keptBytes = 0;
  for await (const entry of readTar(tar, where, { hasRawNames: true })) {
    options.signal?.throwIfAborted();
    const path = builder.place(entry);
    if (path === undefined) continue;
    // A later member of this path has the last word on its content too.
    contents.delete(path);
    if (entry.type !== "file") {
      builder.put(path, entry, EMPTY_DIGEST);
      continue;
    }
    const { digest, kept } = await readFile(entry, wanted.keep(path));
    builder.put(path, entry, digest);
    if (kept === undefined) continue;
    keptBytes += kept.byteLength;
    if (keptBytes > MAX_KEPT_BYTES) throw tooMuch(where);
    // A copy of its own: a view would keep what it was cut from.
    contents.set(path, new Uint8Array(kept));
  }
  guard.assertDiffId(layer.diffId);
  return { diffId: layer.diffId, ...builder.finish(), contents, wanted: wanted.id };
}

async function readFile(entry: TarEntry, want: WantedFile | undefined) {
  const hasher = new Hasher();
  const isKept = want !== undefined && entry.size <= want.maxBytes;
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.content()) {
    hasher.update(chunk);
    if (isKept) chunks.push(chunk);
  }
  const digest = hasher.digest();
  if (!isKept) return { digest, kept: undefined };
  const content = Buffer.concat(chunks, entry.size);
  return { digest, kept: want.reduce === undefined ? content : want.reduce(content) };
}

function tooMuch(where: string): CambiumError {
  return new CambiumError(
    "ARCHIVE_LIMIT",
    `${where}: more than ${MAX_KEPT_BYTES} bytes of package metadata`,
    {
      hint: "No usual image is like this; check where it comes from.",
    },
  );
}
