import { BASE_FILES } from "../../ecosystems/read-base.ts";
import { flatTree } from "../../image/tree-difference.ts";
import { layerListings } from "../base-listings.ts";
import { outdatedBytecode } from "../bytecode/outdated.ts";
import type { Workbench } from "../workbench.ts";
import { differenceLayer } from "./difference-layer.ts";
import type { StageFiles } from "./stage-files.ts";
import type { StageLayer, StageLayers } from "./stage-layers.ts";

/**
 * Deletes bytecode whose modules a step replaced, as a layer right above the step's, so that no later step runs what is
 * not there any more. Undefined where nothing is outdated, which is nearly always: then nothing is read but listings.
 * @throws CambiumError as `layerListings` and `filesSegment`.
 */
export async function dropBytecode(
  at: StageLayers,
  added: readonly StageLayer[],
  files: StageFiles,
  mtimeSec: number,
  bench: Workbench,
): Promise<StageLayer | undefined> {
  const bytecode = at.base?.bytecode;
  if (bytecode === undefined || bytecode.size === 0 || added.length === 0) return undefined;
  const source = await files.treeOf(at);
  if (source === undefined) return undefined;
  const name = "bytecode of replaced modules, deleted";
  const listings = await layerListings(
    added.map(({ record }) => record),
    BASE_FILES,
    name,
    bench,
  );
  const whiteouts = outdatedBytecode(bytecode, listings, source.tree);
  if (whiteouts.length === 0) return undefined;
  const noFile = () => {
    throw new TypeError("deletions have no files");
  };
  return differenceLayer(name, { entries: [], whiteouts }, flatTree(source.tree), noFile, mtimeSec, bench);
}
