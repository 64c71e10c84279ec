import { VENV } from "../../ecosystems/python/wheel/scheme.ts";
import { assembleImage, type Image, imageSize } from "../../image/image.ts";
import { inheritSettings } from "../../image/inherit.ts";
import { planTiers } from "../../plan/tiers.ts";
import { formatPlatform } from "../../platform.ts";
import { type ComposedLayer, describeLayers, lackingSegments, planLayers } from "../../solve/image-layers.ts";
import { assertLoadable } from "../../solve/loadable.ts";
import type { BaseImage } from "../../solve/opened-base.ts";
import { packageSnapshot } from "../../solve/snapshot.ts";
import { step, type Workbench } from "../../solve/workbench.ts";
import { rememberImage } from "../../store/stored-image.ts";
import type { ImageResult } from "../results.ts";
import { rememberImageRecord } from "./image-record.ts";
import type { ImageRequest } from "./image-request.ts";
import { baseLayerResults, historyOf, layerResult } from "./layer-results.ts";

/**
 * One image for one platform, layer by layer. Its documents go to the store.
 * @throws CambiumError of whatever package or layer fails.
 */
export async function composeImage(request: ImageRequest, bench: Workbench): Promise<ImageResult> {
  const chosen = await request.choose();
  const { base } = chosen;
  const packages = await packageSnapshot({ ...request, ...chosen }, bench);
  assertLoadable({ ...request, ...chosen }, packages, request.files, bench);
  return step(bench, `layers ${formatPlatform(request.platform)}`, async () => {
    const { layers: planned, conflicts } = planLayers(planTiers(packages, request.files), base?.tree);
    for (const { path, winner, loser } of conflicts) {
      const message = `/${path} differs between ${loser} and ${winner}: the one of ${winner} is taken`;
      bench.emit({ type: "warning", code: "PACKAGE_CONFLICT", message });
    }
    const lacking = lackingSegments(planned, bench, request.acceptsListed);
    if (lacking.size > 0) await packages.complete(lacking);
    const layers = await describeLayers(planned, bench);
    const image = imageOf(request, base, layers);
    rememberImage(bench.store, { images: [image] });
    const result: ImageResult = {
      platform: request.platform,
      digest: image.manifest.descriptor.digest,
      sizeBytes: imageSize(image),
      layers: [
        ...baseLayerResults(`from ${base?.reference}`, base?.underneath.layers ?? []),
        ...layers.map(layerResult),
      ],
    };
    const { generatedKey } = packages;
    const { key, created, files } = request;
    const { isPartial } = packages;
    // What another machine makes whole must not be answered with less.
    if (!isPartial) bench.store.records.put("image", key, result);
    rememberImageRecord(bench.store, { key, created, result, layers, generatedKey, files, isPartial });
    const newCount = layers.filter(({ isReused }) => !isReused).length;
    const detail = `${layers.length} layers, ${newCount} new`;
    return { value: result, outcome: newCount === 0 ? "hit" : "done", detail };
  });
}

function imageOf(
  { platform, definition, created }: ImageRequest,
  base: BaseImage | undefined,
  layers: readonly ComposedLayer[],
): Image {
  const venv = definition.python === undefined ? undefined : `/${VENV}`;
  return assembleImage({
    platform,
    config: inheritSettings(base?.settings, definition.config, venv),
    created,
    ...(base !== undefined && {
      base: base.underneath,
      annotations: {
        // A folder of this machine is no name for others.
        ...(!base.reference.includes("://") && { "org.opencontainers.image.base.name": base.reference }),
        "org.opencontainers.image.base.digest": base.digest,
      },
    }),
    layers: layers.map(({ layer, name, segments }) => ({
      layer,
      history: { createdBy: historyOf(name, segments) },
    })),
  });
}
