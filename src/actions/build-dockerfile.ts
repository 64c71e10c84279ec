import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { createEngine } from "../engine/embedded/engine.ts";
import { usageError } from "../errors.ts";
import { readDockerfile } from "../frontend/dockerfile/read-dockerfile.ts";
import type { StageConfig, StageGraph } from "../graph/stages.ts";
import type { ImageSettings } from "../image/config.ts";
import { assembleImage, type Image, imageSize } from "../image/image.ts";
import type { Digest } from "../layer/digest.ts";
import { formatPlatform, machinePlatform, type Platform } from "../platform.ts";
import { baseDocuments, findBase } from "../solve/base-documents.ts";
import { lazyLayer } from "../solve/lazy-layers.ts";
import type { ContextFolder } from "../solve/steps/stage-files.ts";
import type { StageLayers } from "../solve/steps/stage-layers.ts";
import { type StageSettings, solveStages } from "../solve/steps/stage-solver.ts";
import type { Workbench } from "../solve/workbench.ts";
import { rememberImage } from "../store/stored-image.ts";
import { baseLayerResults } from "./layer-results.ts";
import { mountProject } from "./mount-project.ts";
import { keepMountsBelow } from "./mounts.ts";
import type { ImageResult } from "./results.ts";
import type { BuildSettings } from "./settings.ts";

/**
 * The images of a Dockerfile, one per platform, in the store.
 * @throws CambiumError `DOCKERFILE_…`, `STEP_FAILED`, `ENGINE_MISSING`, and of whatever step fails.
 */
export async function dockerfileImages(
  file: string,
  platforms: readonly Platform[],
  settings: BuildSettings,
  created: string,
  bench: Workbench,
): Promise<ImageResult[]> {
  const { dockerfile, env, pull, noCache } = settings;
  const text = readText(file);
  const engine = createEngine({ store: bench.store, searchPath: env.PATH ?? "" });
  try {
    const images: ImageResult[] = [];
    for (const platform of platforms) {
      const { graph, warnings } = await readDockerfile(text, basename(file), {
        buildArgs: dockerfile.buildArgs,
        ...(dockerfile.target !== undefined && { target: dockerfile.target }),
        platform,
        buildPlatform: machinePlatform(),
        ...(typeof noCache === "object" && { forgotten: noCache }),
        contexts: dockerfile.buildContexts,
        loadBase: async (reference, of) => {
          const { digest, config } = await pinnedBase(reference, of, pull, bench);
          return { digest, config: config.config };
        },
      });
      for (const { code, message, line } of warnings) {
        bench.emit({ type: "warning", code, message: `${basename(file)}:${line}: ${message}` });
      }
      const solved = await solveStages(graph, stageSettings(file, settings), engine, bench);
      images.push(keepImage(graph, solved, platform, created, bench));
    }
    return images;
  } finally {
    await keepMountsBelow(dockerfile.maxMountBytes, engine, bench);
    engine.close();
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw usageError("PROJECT_FILE_MISSING", `cannot read ${file}`, "Check the name behind -f.", error);
  }
}

/** What a tag meant when it was first asked for, until `--pull`. */
async function pinnedBase(reference: string, platform: Platform, pull: boolean, bench: Workbench) {
  const key = `${reference} ${formatPlatform(platform)}`;
  const known = bench.store.records.get("dockerfile-base", key) as Digest | undefined;
  if (known !== undefined && !pull) return baseDocuments(reference, known, platform, bench);
  const { images } = await findBase(reference, [platform], bench);
  const [image] = images;
  bench.store.records.put("dockerfile-base", key, image!.digest);
  return image!;
}

function stageSettings(file: string, settings: BuildSettings): StageSettings {
  const ignoreFile = `${file}.dockerignore`;
  const { contextDir, dockerfile, env, sourceDateEpoch } = settings;
  const folders = [...dockerfile.buildContexts].filter(([, place]) => !/^[a-z-]+:\/\//.test(place));
  return {
    context: { root: contextDir, ...(existsSync(ignoreFile) && { ignoreFile }) },
    contexts: new Map(folders.map(([name, root]): [string, ContextFolder] => [name, { root }])),
    lent: {
      secrets: dockerfile.secrets,
      sshSockets: dockerfile.sshSockets,
      env,
      project: mountProject(settings),
    },
    ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    network: dockerfile.network,
    allowsInsecure: dockerfile.allowsInsecure,
  };
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
  const layers = [...base, ...own];
  for (const { name, digest, sizeBytes, isReused } of layers) {
    bench.emit({ type: "layer", name, digest, sizeBytes, isReused });
  }
  bench.emit({ type: "image", digest, platform: formatPlatform(platform), sizeBytes });
  return { platform, digest, sizeBytes, layers };
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
