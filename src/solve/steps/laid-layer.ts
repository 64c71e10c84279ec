import type { ImageEntry } from "../../image/image-tree.ts";
import { parentOf } from "../../layer/arrange.ts";
import { composeLayer } from "../../layer/compose.ts";
import type { DirectoryEntry } from "../../layer/entry.ts";
import type { Segment } from "../../layer/segment.ts";
import { describeLayers, type PlannedLayer } from "../image-layers.ts";
import type { Workbench } from "../workbench.ts";
import type { StageLayer } from "./stage-layers.ts";

/**
 * A segment as a layer of its own, with the directories that it does not state itself as the stage has them.
 * @param entryAt what the stage has at a path; the root's where it has no directory
 */
export function laidLayer(
  name: string,
  segment: Segment,
  entryAt: (path: string) => ImageEntry | undefined,
): PlannedLayer {
  const directories = new Map<string, DirectoryEntry>();
  for (const entry of segment.entries) if (entry.type === "directory") directories.set(entry.path, entry);
  const asked = new Set(directories.keys());
  for (const { path } of segment.entries) {
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) {
      if (asked.has(at)) continue;
      asked.add(at);
      const entry = entryAt(at);
      if (entry?.type === "directory") directories.set(at, entry);
    }
  }
  const segments = [{ segment, renamed: new Map<string, string>(), omitted: new Set<string>() }];
  return { name, segments, plan: composeLayer(segments, { directories }) };
}

/** Of a planned layer that is one segment. Its bytes are composed when something reads them. */
export async function plannedStageLayer(planned: PlannedLayer, bench: Workbench): Promise<StageLayer> {
  // A layer of the image is told when the image is; what a mount shows is none.
  const quiet: Workbench = {
    ...bench,
    emit: (event) => {
      if (event.type !== "layer") bench.emit(event);
    },
  };
  const [composed] = await describeLayers([planned], quiet);
  const { layer, isReused } = composed!;
  const record = { descriptor: layer.descriptor, diffId: layer.diffId };
  return { text: planned.name, record, content: planned.segments[0]!.segment.id, isReused };
}
