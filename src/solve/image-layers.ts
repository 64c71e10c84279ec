import { type ArrangedSegment, arrange, type Conflict, type TreeBelow } from "../layer/arrange.ts";
import { composeLayer, type LayerPlan } from "../layer/compose.ts";
import type { Digest } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import type { Segment, SegmentId } from "../layer/segment.ts";
import { knownLayer, rememberComposition, rememberLayer, storedLayer } from "../store/stored-layer.ts";
import { withoutStaleBytecode } from "./bytecode/without-stale.ts";
import { hasOrigin } from "./lazy-layers.ts";
import type { Workbench } from "./workbench.ts";

/** Which segments of a tier make one layer; decided by the plan. */
export type TierGroups = readonly { readonly name: string; readonly members: readonly Segment[] }[];

export type ComposedLayer = {
  readonly name: string;
  /** Of its plan. */
  readonly key: Digest;
  readonly segments: readonly Segment[];
  readonly layer: Layer;
  /** Its digest was known before this build. */
  readonly isReused: boolean;
};

/** A layer before its digest is known. */
export type PlannedLayer = {
  readonly name: string;
  readonly plan: LayerPlan;
  readonly segments: readonly ArrangedSegment[];
};

/**
 * Arranges the tiers of a snapshot and composes their groups, lowest first.
 * @throws CambiumError `LAYER_CONFLICT`, `LAYER_LINK_LOOP`.
 */
export function planLayers(
  tiers: readonly TierGroups[],
  below?: TreeBelow,
): {
  readonly layers: readonly PlannedLayer[];
  readonly conflicts: readonly Conflict[];
} {
  // Rank within a tier goes by name, whatever the groups are: who wins must not depend on grouping.
  const ranked = tiers.map((groups) => groups.flatMap(({ members }) => members).sort(byKey));
  const arrangement = withoutStaleBytecode(arrange(ranked, below));
  const layers = tiers.flatMap((groups, index) => {
    const tier = arrangement.tiers[index];
    if (tier === undefined) return [];
    const arranged = new Map<SegmentId, ArrangedSegment>(tier.segments.map((it) => [it.segment.id, it]));
    return groups.map(({ name, members }): PlannedLayer => {
      const segments = members.flatMap(({ id }) => arranged.get(id) ?? []);
      return { name, segments, plan: composeLayer(segments, tier) };
    });
  });
  return { layers, conflicts: arrangement.conflicts };
}

/**
 * Segments without bytes whose layer has to be read: it was never described, or nobody else has it.
 * @param acceptsListed the second is no reason: nothing may come to read it
 */
export function lackingSegments(
  layers: readonly PlannedLayer[],
  bench: Workbench,
  acceptsListed = false,
): Set<SegmentId> {
  const lacking = new Set<SegmentId>();
  for (const { plan, segments } of layers) {
    const record = bench.isForgetful ? undefined : knownLayer(bench.store, plan.key);
    const isKnown = record !== undefined;
    if (isKnown && (acceptsListed || hasOrigin(bench.store, record.descriptor.digest))) continue;
    for (const { segment } of segments) {
      if (!segment.blobs.every((blob) => bench.store.blobs.has(blob))) lacking.add(segment.id);
    }
  }
  return lacking;
}

/** Gives each planned layer its digest: from the records, or by reading it once, on all cores. */
export async function describeLayers(
  layers: readonly PlannedLayer[],
  bench: Workbench,
): Promise<ComposedLayer[]> {
  const { store, pool, emit, describedLayers } = bench;
  const composed = await Promise.all(
    layers.map(async ({ name, plan, segments }): Promise<ComposedLayer> => {
      const isFresh = describedLayers.has(plan.key);
      let record = bench.isForgetful && !isFresh ? undefined : knownLayer(store, plan.key);
      const isReused = record !== undefined && !isFresh;
      if (record === undefined) {
        const weight = segments.reduce((sum, { segment }) => sum + segment.sizeBytes, 0);
        const result = await pool.run({ kind: "describe", name, plan }, weight);
        if (result.layer === undefined) throw new TypeError(`describing ${name} gave no layer`);
        record = result.layer.record;
        rememberLayer(store, plan.key, record);
      }
      rememberComposition(store, record, plan, segments);
      const layer = storedLayer(store, record);
      return { name, key: plan.key, segments: segments.map(({ segment }) => segment), layer, isReused };
    }),
  );
  for (const { name, layer, isReused } of composed) {
    const { digest, size } = layer.descriptor;
    emit({ type: "layer", name, digest, sizeBytes: size, isReused });
  }
  return composed;
}

function byKey(a: Segment, b: Segment): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
