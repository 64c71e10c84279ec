import { payloadSize } from "../../layer/compose.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment } from "../../layer/segment.ts";
import type { ComposedLayer } from "../../solve/image-layers.ts";
import type { LayerResult, PackageResult } from "../results.ts";

export function layerResult({ name, layer, segments, isReused }: ComposedLayer): LayerResult {
  const { digest, size } = layer.descriptor;
  return {
    name,
    digest,
    diffId: layer.diffId,
    sizeBytes: size,
    packages: packageResults(segments),
    isReused,
  };
}

/** Layers of an image of a registry: they are used as they are. */
export function baseLayerResults(name: string, layers: readonly LayerRecord[]): LayerResult[] {
  return layers.map(({ descriptor, diffId }) => ({
    name,
    digest: descriptor.digest,
    diffId,
    sizeBytes: descriptor.size,
    packages: [],
    isReused: true,
  }));
}

/** What counts as a package to people: wheels and .debs, not what Cambium generated. */
export function packageResults(segments: readonly Segment[]): PackageResult[] {
  return segments.flatMap((segment) => {
    const { ecosystem } = segment.recipe;
    if (ecosystem !== "python" && ecosystem !== "debian") return [];
    const space = segment.name.lastIndexOf(" ");
    const [name, version] = [segment.name.slice(0, space), segment.name.slice(space + 1)];
    return [{ ecosystem, name, version, sizeBytes: compressedSize(segment) }];
  });
}

/** Payloads only: the headers belong to the layer. */
function compressedSize(segment: Segment): number {
  return segment.entries.reduce(
    (sum, entry) =>
      sum + (entry.type === "file" && entry.payload !== undefined ? payloadSize(entry.payload) : 0),
    0,
  );
}

/** `docker history` shows this; it holds names and versions, which the layer's content decides. */
export function historyOf(name: string, segments: readonly Segment[]): string {
  const packages = packageResults(segments).map((it) => `${it.name} ${it.version}`);
  const what = packages.length === 0 ? name : `${name}: ${packages.join(", ")}`;
  // Registries and viewers cut long lines; a bucket of 60 packages would fill the screen.
  return `cambium ${what.length > 500 ? `${what.slice(0, 499)}…` : what}`;
}
