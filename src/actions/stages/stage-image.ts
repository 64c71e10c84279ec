import type { StageConfig, StageGraph } from "../../graph/stages.ts";
import type { ImageSettings } from "../../image/config.ts";
import { assembleImage, type Image, imageSize } from "../../image/image.ts";
import type { Annotations } from "../../image/manifest.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import { lazyLayer } from "../../solve/lazy-layers.ts";
import type { StageLayers } from "../../solve/steps/stage-layers.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { rememberImage } from "../../store/stored-image.ts";
import { baseLayerResults } from "../packages/layer-results.ts";
import type { ImageResult, LayerResult } from "../results.ts";

export type SolvedImage = {
  readonly graph: StageGraph;
  readonly solved: StageLayers;
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  /** Layers of what the first step stands on, as results; absent: nothing is known of them. */
  readonly base?: readonly LayerResult[];
  readonly annotations?: Annotations;
};

/** The image of a solved target, kept in the store and told. */
export function keepImage(request: SolvedImage, bench: Workbench): ImageResult {
  const { solved, platform } = request;
  const image = stageImage(request, bench);
  rememberImage(bench.store, { images: [image] });
  const { digest } = image.manifest.descriptor;
  const sizeBytes = imageSize(image);
  const base = request.base ?? baseLayerResults("from the base", solved.base?.layers ?? []);
  const own = solved.steps.flatMap((one) => {
    if (one.record === undefined) return [];
    const { descriptor, diffId } = one.record;
    const { isReused, text: name } = one;
    return [{ name, digest: descriptor.digest, diffId, sizeBytes: descriptor.size, packages: [], isReused }];
  });
  const result = { platform, digest, sizeBytes, layers: [...base, ...own] };
  tellImage(result, bench);
  return result;
}

export function tellImage({ digest, platform, sizeBytes, layers }: ImageResult, { emit }: Workbench): void {
  for (const { name, digest: of, sizeBytes: size, isReused } of layers) {
    emit({ type: "layer", name, digest: of, sizeBytes: size, isReused });
  }
  emit({ type: "image", digest, platform: formatPlatform(platform), sizeBytes });
}

/** The image of a solved target: history as docker history shows it, steps without a layer among it. */
function stageImage({ graph, solved, platform, created, annotations }: SolvedImage, bench: Workbench): Image {
  const { config } = graph.stages[graph.target]!;
  const { base } = solved;
  return assembleImage({
    platform,
    config: imageSettings(config),
    created,
    ...(annotations !== undefined && { annotations }),
    ...(base !== undefined && {
      base: { config: base.config, layers: base.layers.map((layer) => lazyLayer(layer, bench)) },
    }),
    layers: solved.steps.map(({ text, record }) => ({
      history: { createdBy: text },
      ...(record !== undefined && { layer: lazyLayer(record, bench) }),
    })),
  });
}

function imageSettings({ emptyHistory: _, ...config }: StageConfig): ImageSettings {
  const { healthcheck, ...rest } = config;
  return { ...rest, ...(healthcheck !== undefined && { healthcheck: { ...healthcheck } }) };
}
