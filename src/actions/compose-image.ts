import { assembleImage, type Image } from "../image/image.ts";
import { planTiers } from "../plan/tiers.ts";
import { formatPlatform } from "../platform.ts";
import { type ComposedLayer, describeLayers, planLayers } from "../solve/image-layers.ts";
import { packageSnapshot } from "../solve/snapshot.ts";
import { step, type Workbench } from "../solve/workbench.ts";
import { rememberImage } from "../store/stored-image.ts";
import type { ImageRequest } from "./build-image.ts";
import { historyOf, layerResult } from "./layer-results.ts";
import type { ImageResult } from "./results.ts";

/**
 * One image for one platform, layer by layer. Its documents go to the store.
 * @throws CambiumError of whatever package or layer fails.
 */
export async function composeImage(request: ImageRequest, bench: Workbench): Promise<ImageResult> {
  const packages = await packageSnapshot({ ...request, ...(await request.choose()) }, bench);
  return step(bench, `layers ${formatPlatform(request.platform)}`, async () => {
    const { layers: planned, conflicts } = planLayers(planTiers(packages, request.files));
    for (const { path, winner, loser } of conflicts) {
      const message = `/${path} differs between ${loser} and ${winner}: the one of ${winner} is taken`;
      bench.emit({ type: "warning", code: "PACKAGE_CONFLICT", message });
    }
    const layers = await describeLayers(planned, bench);
    const image = imageOf(request, layers);
    rememberImage(bench.store, { images: [image] });
    const result: ImageResult = {
      platform: request.platform,
      digest: image.manifest.descriptor.digest,
      sizeBytes: sizeOf(image),
      layers: layers.map(layerResult),
    };
    const newCount = layers.filter(({ isReused }) => !isReused).length;
    const detail = `${layers.length} layers, ${newCount} new`;
    return { value: result, outcome: newCount === 0 ? "hit" : "done", detail };
  });
}

function imageOf({ platform, definition, created }: ImageRequest, layers: readonly ComposedLayer[]): Image {
  return assembleImage({
    platform,
    config: definition.config,
    created,
    layers: layers.map(({ layer, name, segments }) => ({
      layer,
      history: { createdBy: historyOf(name, segments) },
    })),
  });
}

/** What a registry would hold for it: layers, config, manifest. */
function sizeOf({ layers, config, manifest }: Image): number {
  const documents = config.descriptor.size + manifest.descriptor.size;
  return layers.reduce((sum, { descriptor }) => sum + descriptor.size, documents);
}
