import { canonicalJson } from "../../canonical-json.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import { CambiumError } from "../../errors.ts";
import type { StepFacts } from "../../explain/build-trace.ts";
import type { MergeStepDocument } from "../../explain/documents.ts";
import type { MergeStep, Stage, StepPlace } from "../../graph/stages.ts";
import { isLaidAlike } from "../../image/laid-alike.ts";
import { type Landed, landChanges } from "../../image/land-changes.ts";
import { layerChanges } from "../../image/layer-changes.ts";
import { mergeListings } from "../../image/merge-listings.ts";
import { type FlatTree, flatTree, treeDifference } from "../../image/tree-difference.ts";
import { digestOf } from "../../layer/digest.ts";
import { comparePaths } from "../../layer/entry.ts";
import type { LayerListing } from "../../layer/listing.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { compositionBlobs } from "../../store/stored-layer.ts";
import { layerListings } from "../base-listings.ts";
import { inlineSource } from "../sources/made-sources.ts";
import { step, type Workbench } from "../workbench.ts";
import { differenceLayer, type FileAt, filesOf } from "./difference-layer.ts";
import { mergeWarnings } from "./merge-warnings.ts";
import { type MergedTables, mergedTables } from "./merged-tables.ts";
import type { StageFiles } from "./stage-files.ts";
import { contentsOf, layersOf, recordsOf, type StageLayer, type StageLayers } from "./stage-layers.ts";
import { type KnownMerge, knownMerge, madeSince, rememberMerge } from "./step-memory.ts";

/** A stage to lay over another. */
export type MergedStage = { readonly name: string; readonly layers: StageLayers };

/** A stage on its way: whose each of its layers is, bottom up. */
type Labelled = { readonly at: StageLayers; readonly owners: readonly string[] };

/**
 * The layers that lay stages over a stage, in order. Those of a stage are taken as they are where they come to the right
 * tree in every engine; else what they come to is laid as one layer.
 * @throws CambiumError `ACCOUNT_CONFLICT`, and as `layerListings`, `mergeListings`, `filesSegment`.
 */
export function mergeStep(
  one: MergeStep & StepPlace,
  { at, stage }: { readonly at: StageLayers; readonly stage: Stage },
  merged: readonly MergedStage[],
  files: StageFiles,
  mtimeSec: number,
  bench: Workbench,
): Promise<readonly StageLayer[]> {
  return step(bench, `${stage.name} ${one.line}: ${one.text}`, async () => {
    let here = labelled(at, stage);
    const added: StageLayer[] = [];
    let isKnown = true;
    const startedMs = performance.now();
    const facts = mergeFacts(at, merged, mtimeSec, bench);
    bench.trace?.note(one, { outcome: "stopped", ...facts });
    for (const other of merged) {
      const laid = await laidStage(one, here, other, stage, { files, mtimeSec, bench });
      isKnown &&= laid.isKnown;
      added.push(...laid.layers);
      here = under(laid.layers, here, other);
    }
    const { tookMs } = madeSince(startedMs);
    bench.trace?.note(one, { outcome: isKnown ? "hit" : "miss", ...facts, tookMs });
    return { value: added, outcome: isKnown ? "hit" : "done" };
  });
}

/** What `mergeStep` gives, where all of it is known. */
export function knownMergeStep(
  one: MergeStep & StepPlace,
  { at, stage }: { readonly at: StageLayers; readonly stage: Stage },
  merged: readonly MergedStage[],
  mtimeSec: number,
  bench: Workbench,
): readonly StageLayer[] | undefined {
  const facts = mergeFacts(at, merged, mtimeSec, bench);
  bench.trace?.note(one, { outcome: "miss", ...facts });
  if (bench.isForgetful) return undefined;
  let here = labelled(at, stage);
  const added: StageLayer[] = [];
  for (const other of merged) {
    const known = knownMerge(bench.store, mergeKey(here, other, stage, mtimeSec).key);
    if (known === undefined) return undefined;
    const layers = stageLayers(one, known, true, bench);
    added.push(...layers);
    here = under(layers, here, other);
  }
  bench.trace?.note(one, { outcome: "hit", ...facts });
  return added;
}

/** All that one step lays, as one document. */
function mergeFacts(
  at: StageLayers,
  merged: readonly MergedStage[],
  mtimeSec: number,
  { isForgetful }: Workbench,
): Pick<StepFacts, "key" | "document" | "cause"> {
  const document: MergeStepDocument = {
    ...{ op: "merge", layoutVersions: LAYOUT_VERSIONS, mtimeSec, below: contentsOf(at) },
    merged: merged.map(({ name, layers }) => ({ name, contents: contentsOf(layers) })),
  };
  const key = digestOf(canonicalJson(document));
  return { key, document, ...(isForgetful && { cause: "no-cache" }) };
}

function labelled(at: StageLayers, { name }: Stage): Labelled {
  return { at, owners: recordsOf(at).map(() => `stage ${name}`) };
}

/** A stage with what another one added to it. */
function under(layers: readonly StageLayer[], { at, owners }: Labelled, { name }: MergedStage): Labelled {
  return {
    at: { ...at, steps: [...at.steps, ...layers] },
    owners: [...owners, ...layers.map(() => `stage ${name}`)],
  };
}

type Means = { readonly files: StageFiles; readonly mtimeSec: number; readonly bench: Workbench };

async function laidStage(
  one: StepPlace,
  here: Labelled,
  other: MergedStage,
  stage: Stage,
  means: Means,
): Promise<{ readonly layers: readonly StageLayer[]; readonly isKnown: boolean }> {
  const { store, isForgetful, emit } = means.bench;
  const { key, document } = mergeKey(here, other, stage, means.mtimeSec);
  const known = isForgetful ? undefined : knownMerge(store, key);
  const merge = known ?? (await computedMerge(one, here, other, stage, means));
  if (known === undefined) rememberMerge(store, key, document, merge);
  for (const warning of merge.warnings) emit({ type: "warning", ...warning });
  const isKnown = known !== undefined;
  return { layers: stageLayers(one, merge, isKnown, means.bench), isKnown };
}

function mergeKey(here: Labelled, other: MergedStage, { name, platform }: Stage, mtimeSec: number) {
  const document = {
    ...{ version: 1, op: "merge", layoutVersions: LAYOUT_VERSIONS, mtimeSec },
    ...{ below: contentsOf(here.at), stage: contentsOf(other.layers), architecture: platform.architecture },
    over: other.layers.over === undefined ? [] : contentsOf(other.layers.over),
    // They stand in the warnings that are remembered.
    names: [name, other.name, ...here.owners],
  };
  return { key: digestOf(canonicalJson(document)), document };
}

function stageLayers(
  { text }: StepPlace,
  { layers }: KnownMerge,
  isKnown: boolean,
  { store, lease }: Workbench,
): StageLayer[] {
  return layers.map(({ layer: record, content, isReused }) => {
    lease.protect([record.descriptor.digest, ...compositionBlobs(store, record.descriptor.digest)]);
    return { text, record, content, isReused: isKnown || isReused };
  });
}

async function computedMerge(
  one: StepPlace,
  here: Labelled,
  other: MergedStage,
  { name, platform }: Pick<Stage, "name" | "platform">,
  { files, mtimeSec, bench }: Means,
): Promise<KnownMerge> {
  const where = `stage ${other.name}`;
  const listingsOf = (at: StageLayers | undefined) =>
    layerListings(at === undefined ? [] : recordsOf(at), BASE_FILES, where, bench);
  const { over, ...own } = other.layers;
  const listings = {
    below: await listingsOf(here.at),
    over: await listingsOf(over),
    own: await listingsOf(own),
  };
  const ownerOf = (path: string): string => {
    const last = listings.below.findLastIndex(({ entries }) => entries.some((entry) => entry.path === path));
    return here.owners[last] ?? `stage ${name}`;
  };
  const changes = layerChanges(listings.over, listings.own, where);
  const below = mergeListings(listings.below, `stage ${name}`);
  const source = await files.layers(
    [...(over === undefined ? [] : recordsOf(over)), ...recordsOf(own)],
    where,
  );
  const tables = mergedTables(
    {
      ...{ below, added: source.tree, over: mergeListings(listings.over, where), changes },
      names: { below: ownerOf("etc/passwd"), added: where },
    },
    platform.architecture,
  );
  const flat = flatTree(below);
  const landed = landChanges(flat, changes, tables.entries);
  const warnings = mergeWarnings(landed.conflicts, tables, ownerOf, where);
  if (fitsAsItIs(landed.tree, listings)) {
    const layers = layersOf(own, one.text).map(({ record, content }) => ({
      layer: record,
      content,
      isReused: true,
    }));
    return { layers, warnings };
  }
  const difference = treeDifference(flat, landed.tree);
  const whiteouts = [...difference.whiteouts, ...landed.absent].sort(comparePaths);
  if (difference.entries.length === 0 && whiteouts.length === 0) return { layers: [], warnings };
  const { entries } = difference;
  const fileAt = filesAt(landed, tables, filesOf(source));
  const { record, content, isReused } = await differenceLayer(
    ...([one.text, { entries, whiteouts }, landed.tree, fileAt, mtimeSec, bench] as const),
  );
  return { layers: [{ layer: record, content, isReused }], warnings };
}

/** Whether the layers come to `tree` as they are, in every engine. */
function fitsAsItIs(
  tree: FlatTree,
  { below, own }: { readonly below: readonly LayerListing[]; readonly own: readonly LayerListing[] },
): boolean {
  if (!own.every((listing) => isLaidAlike(listing, tree))) return false;
  try {
    const { entries, whiteouts } = treeDifference(tree, flatTree(mergeListings([...below, ...own], "merge")));
    return entries.length === 0 && whiteouts.length === 0;
  } catch (error) {
    if (error instanceof CambiumError && error.code.startsWith("LAYER_")) return false;
    throw error;
  }
}

function filesAt({ origins }: Landed, { texts }: MergedTables, added: FileAt): FileAt {
  return (path) => {
    const text = texts.get(path);
    if (text === undefined) return added(origins.get(path) ?? path);
    const from = inlineSource(path, text);
    const [content] = from.entries;
    if (content?.type !== "file") throw new TypeError("an inline source is one file");
    return { from, content };
  };
}
