import type { Layer } from "../layer/layer.ts";
import { readTar, type TarEntry } from "../layer/read-tar.ts";
import { decompressed } from "./decompress.ts";
import { layerCompression } from "./media-types.ts";

/** What stands in a layer, in order. @throws CambiumError `LAYER_DAMAGED`, `ARCHIVE_…`. */
export function layerEntries(layer: Layer): AsyncGenerator<TarEntry> {
  const where = `layer ${layer.descriptor.digest}`;
  const compression = layerCompression(layer.descriptor.mediaType) ?? "gzip";
  return readTar(decompressed(layer.compressed(), compression, where), where, { hasRawNames: true });
}
