import { basename } from "node:path";
import { createEngine } from "../../engine/embedded/engine.ts";
import type { Platform } from "../../platform.ts";
import { pinnedGraph } from "../../solve/sources/pinned-sources.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type BuildNotes, buildNotes } from "../caches/build-notes.ts";
import { keepMountsBelow } from "../mounts.ts";
import type { RecordedStages } from "../records/recorded-stages.ts";
import type { ImageResult } from "../results.ts";
import type { BuildSettings } from "../settings.ts";
import { imageInStages } from "./image-in-stages.ts";
import { pinsFor, readStages, stageSettings, tellMissing } from "./read-stages.ts";

/**
 * The images of a Dockerfile, one per platform, in the store.
 * @param notes gets what each came to, also where one fails
 * @throws CambiumError `DOCKERFILE_…`, `STEP_FAILED`, `ENGINE_MISSING`, and of whatever step fails.
 */
export async function dockerfileImages(
  file: string,
  platforms: readonly Platform[],
  settings: BuildSettings,
  created: string,
  recorded: RecordedStages | undefined,
  notes: BuildNotes[],
  bench: Workbench,
): Promise<ImageResult[]> {
  const { dockerfile, env } = settings;
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
      const its = buildNotes();
      notes.push(its);
      const request = { graph, platform, created, settings: stages, recorded, notes: its };
      images.push(await imageInStages(request, settings, engine, bench));
    }
    return images;
  } finally {
    await keepMountsBelow(dockerfile.maxMountBytes, engine, bench);
    engine.close();
  }
}
