import { basename } from "node:path";
import { createEngine } from "../engine/embedded/engine.ts";
import type { Digest } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import { pinnedGraph } from "../solve/sources/pinned-sources.ts";
import { solveStages } from "../solve/steps/stage-solver.ts";
import type { KnownStep, StepRecords } from "../solve/steps/step-memory.ts";
import type { Workbench } from "../solve/workbench.ts";
import { keepMountsBelow } from "./mounts.ts";
import { pinsFor, readStages, stageSettings, tellMissing } from "./read-stages.ts";
import type { RecordedStages } from "./recorded-stages.ts";
import type { ImageResult } from "./results.ts";
import type { BuildSettings } from "./settings.ts";
import { keepImage, tellImage } from "./stage-image.ts";
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
      const image = keepImage({ graph, solved, platform, created }, bench);
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
