import { basename } from "node:path";
import { machinePlatform, type Platform } from "../../platform.ts";
import { pinnedGraph } from "../../solve/sources/pinned-sources.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { plannedCauses } from "../explain/planned-causes.ts";
import type { PlannedImage, PlanResult } from "../results.ts";
import type { StagesSettings } from "../settings.ts";
import { plannedStages } from "./planned-stages.ts";
import { pinsFor, readStages, stageSettings } from "./read-stages.ts";

/** Which steps of a Dockerfile a build would find known and which it would run. Runs none. */
export async function planDockerfile(
  file: string,
  settings: StagesSettings,
  bench: Workbench,
): Promise<PlanResult> {
  const platforms = settings.platforms.length > 0 ? settings.platforms : [machinePlatform()];
  const images: PlannedImage[] = [];
  for (const platform of platforms) images.push(await planImage(file, platform, settings, bench));
  const [first] = images;
  return { source: basename(file), base: first?.stages?.at(0)?.base ?? "scratch", images };
}

async function planImage(
  file: string,
  platform: Platform,
  settings: StagesSettings,
  bench: Workbench,
): Promise<PlannedImage> {
  const pins = await pinsFor(settings, bench);
  const { graph: open, unneeded } = await readStages(file, platform, settings, pins, bench);
  const causes = plannedCauses(settings, basename(file));
  const stages = await plannedStages(pinnedGraph(open, pins), stageSettings(file, settings), causes, bench);
  return { platform, stages, unneededStages: unneeded, layers: [], downloadBytes: 0 };
}
