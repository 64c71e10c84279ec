import { basename } from "node:path";
import { createEngine } from "../engine/embedded/engine.ts";
import type { StageConfig, StageGraph } from "../graph/stages.ts";
import type { ImageSettings } from "../image/config.ts";
import { assembleImage, type Image, imageSize } from "../image/image.ts";
import type { Digest } from "../layer/digest.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { lazyLayer } from "../solve/lazy-layers.ts";
import { pinnedGraph } from "../solve/steps/pinned-sources.ts";
import type { StageLayers } from "../solve/steps/stage-layers.ts";
import { solveStages } from "../solve/steps/stage-solver.ts";
import type { KnownStep, StepRecords } from "../solve/steps/step-memory.ts";
import type { Workbench } from "../solve/workbench.ts";
import { rememberImage } from "../store/stored-image.ts";
import { baseLayerResults } from "./layer-results.ts";
import { keepMountsBelow } from "./mounts.ts";
import { pinsFor, readStages, stageSettings, tellMissing } from "./read-stages.ts";
import type { RecordedStages } from "./recorded-stages.ts";
import type { ImageResult } from "./results.ts";
import type { BuildSettings } from "./settings.ts";
import { stagesKey } from "./stages-key.ts";
import { imagesIn, rememberStages } from "./stages-memory.ts";

/**
 * The images of a Dockerfile, one per platform, in the store.
 * @throws CambiumError `DOCKERFILE_…`, `STEP_FAILED`, `ENGINE_MISSING`, and of whatever step fails.
 */
export async function dockerfileImages(
  file: string,
  platforms: readonly Platform[],
  settings: BuildSettings,
  created: string,
  recorded: RecordedStages | undefined,
  bench: Workbench,
): Promise<ImageResult[]> {
  const { dockerfile, env, noCache } = settings;
  const isPublished = settings.push || settings.cacheTo.length > 0;
  const stages = stageSettings(file, settings);
  const pins = await pinsFor(settings, bench);
  const engine = createEngine({ store: bench.store, searchPath: env.PATH ?? "" });
  try {
    const images: ImageResult[] = [];
    for (const platform of platforms) {
      const { graph: open, warnings } = await readStages(file, platform, settings, pins, bench);
      for (const { code, message, line } of warnings) {
        bench.emit({ type: "warning", code, message: `${basename(file)}:${line}: ${message}` });
      }
      const graph = pinnedGraph(open, pins);
      tellMissing(pins, bench);
      const key =
        recorded !== undefined || isPublished ? await stagesKey(graph, stages, created, bench) : undefined;
      const isAsked = recorded !== undefined && key !== undefined && noCache === false;
      const known = isAsked ? await recorded.image(key, platform) : undefined;
      if (known !== undefined) {
        tellImage(known, bench);
        images.push(known);
        continue;
      }
      await recorded?.adoptListings();
      const notes = new Map<Digest, KnownStep>();
      const records: StepRecords = {
        find: async (step) => recorded?.step(step),
        note: (step, result) => notes.set(step, result),
      };
      const solved = await solveStages(graph, { ...stages, records }, engine, bench);
      const image = keepImage(graph, solved, platform, created, bench);
      images.push(image);
      if (isPublished && key !== undefined) {
        const steps = [...notes].map(([step, result]) => ({ key: step, result }));
        rememberStages(bench.store, image.digest, { key, steps, bases: imagesIn(graph) });
      }
    }
    return images;
  } finally {
    await keepMountsBelow(dockerfile.maxMountBytes, engine, bench);
    engine.close();
  }
}

function keepImage(
  graph: StageGraph,
  solved: StageLayers,
  platform: Platform,
  created: string,
  bench: Workbench,
): ImageResult {
  const image = stageImage(graph, solved, platform, created, bench);
  rememberImage(bench.store, { images: [image] });
  const { digest } = image.manifest.descriptor;
  const sizeBytes = imageSize(image);
  const base = baseLayerResults("from the base", solved.base?.layers ?? []);
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

function tellImage({ digest, platform, sizeBytes, layers }: ImageResult, { emit }: Workbench): void {
  for (const { name, digest: of, sizeBytes: size, isReused } of layers) {
    emit({ type: "layer", name, digest: of, sizeBytes: size, isReused });
  }
  emit({ type: "image", digest, platform: formatPlatform(platform), sizeBytes });
}

/** The image of a solved target: history as docker history shows it, steps without a layer among it. */
function stageImage(
  { stages, target }: StageGraph,
  solved: StageLayers,
  platform: Platform,
  created: string,
  bench: Workbench,
): Image {
  const { config } = stages[target]!;
  const { base } = solved;
  return assembleImage({
    platform,
    config: imageSettings(config),
    created,
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
