import { canonicalJson } from "../../canonical-json.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import { CambiumError } from "../../errors.ts";
import { mergeListings } from "../../image/merge-listings.ts";
import { flatTree, treeDifference } from "../../image/tree-difference.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { compositionBlobs } from "../../store/stored-layer.ts";
import { areListed, layerListings } from "../base-listings.ts";
import { step, type Workbench } from "../workbench.ts";
import { differenceLayer, filesOf } from "./difference-layer.ts";
import type { StageFiles } from "./stage-files.ts";
import { contentsOf, layersOf, recordsOf, type StageLayer, type StageLayers } from "./stage-layers.ts";
import { knownStep, rememberStep } from "./step-memory.ts";

/** Two stages to compare, and what their difference is called. */
export type Difference = { readonly name: string; readonly lower: StageLayers; readonly upper: StageLayers };

/**
 * What `upper` changed against `lower`. Where its layers begin with those of `lower`, the rest is the difference, byte for
 * byte; else their trees are compared, and what differs is laid as one layer.
 * @throws CambiumError as `layerListings`, `mergeListings`, `filesSegment`.
 */
export async function diffStage(
  { name, lower, upper }: Difference,
  files: StageFiles,
  mtimeSec: number,
  bench: Workbench,
): Promise<StageLayers> {
  const rest = layersAbove({ name, lower, upper });
  if (rest !== undefined && (await standsAlone(rest, name, bench)))
    return { base: undefined, steps: rest, over: lower };
  const layer = await computedDifference({ name, lower, upper }, files, mtimeSec, bench);
  return { base: undefined, steps: layer === undefined ? [] : [layer], over: lower };
}

/** What `diffStage` gives, where that is known without fetching or making anything. */
export async function knownDiff(
  { name, lower, upper }: Difference,
  mtimeSec: number,
  bench: Workbench,
): Promise<StageLayers | undefined> {
  const rest = layersAbove({ name, lower, upper });
  if (rest !== undefined) {
    const records = rest.map(({ record }) => record);
    if (!areListed(records, BASE_FILES, bench)) return undefined;
    if (await standsAlone(rest, name, bench)) return { base: undefined, steps: rest, over: lower };
  }
  const known = knownDifference(differenceKey({ lower, upper }, mtimeSec).key, name, bench);
  return known && { base: undefined, steps: known.layer === undefined ? [] : [known.layer], over: lower };
}

/** Those that the upper stage has besides the lower one's, if it begins with these. */
function layersAbove({ name, lower, upper }: Difference): StageLayer[] | undefined {
  const isOnLower = recordsOf(lower).every(({ diffId }, i) => recordsOf(upper)[i]?.diffId === diffId);
  return isOnLower ? layersOf(upper, name).slice(recordsOf(lower).length) : undefined;
}

/** A layer that others made may link to a file of the layers below. */
async function standsAlone(layers: readonly StageLayer[], name: string, bench: Workbench): Promise<boolean> {
  const records = layers.map(({ record }): LayerRecord => record);
  try {
    mergeListings(await layerListings(records, BASE_FILES, name, bench), name);
    return true;
  } catch (error) {
    if (error instanceof CambiumError && error.code === "LAYER_LINK") return false;
    throw error;
  }
}

/** Undefined where nothing differs. */
function computedDifference(
  { name, lower, upper }: Difference,
  files: StageFiles,
  mtimeSec: number,
  bench: Workbench,
): Promise<StageLayer | undefined> {
  const { key, document } = differenceKey({ lower, upper }, mtimeSec);
  return step(bench, name, async () => {
    const known = knownDifference(key, name, bench);
    if (known !== undefined) return { value: known.layer, outcome: "hit" };
    const source = await files.layers(recordsOf(upper), name);
    const trees = {
      lower: flatTree((await files.layers(recordsOf(lower), name)).tree),
      upper: flatTree(source.tree),
    };
    const difference = treeDifference(trees.lower, trees.upper);
    const isEmpty = difference.entries.length === 0 && difference.whiteouts.length === 0;
    const layer = isEmpty
      ? undefined
      : await differenceLayer(name, difference, trees.upper, filesOf(source), mtimeSec, bench);
    rememberStep(
      bench.store,
      key,
      document,
      layer === undefined ? {} : { layer: layer.record, content: layer.content },
    );
    return { value: layer, outcome: "done" };
  });
}

function differenceKey({ lower, upper }: Pick<Difference, "lower" | "upper">, mtimeSec: number) {
  const document = {
    ...{ version: 1, op: "diff", layoutVersions: LAYOUT_VERSIONS, mtimeSec },
    ...{ lower: contentsOf(lower), upper: contentsOf(upper) },
  };
  return { key: digestOf(canonicalJson(document)), document };
}

function knownDifference(
  key: Digest,
  name: string,
  { store, lease, isForgetful }: Workbench,
): { readonly layer: StageLayer | undefined } | undefined {
  const known = isForgetful ? undefined : knownStep(store, key);
  if (known === undefined) return undefined;
  const { layer: record, content } = known;
  if (record === undefined) return { layer: undefined };
  lease.protect(compositionBlobs(store, record.descriptor.digest));
  return { layer: { text: name, record, content: content!, isReused: true } };
}
