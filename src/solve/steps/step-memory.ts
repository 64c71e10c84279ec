import { canonicalJson } from "../../canonical-json.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { Made } from "../../explain/logged-build.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { LayerListing } from "../../layer/listing.ts";
import type { Store } from "../../store/store.ts";
import { layerUnknown } from "../../store/stored-layer.ts";
import { isHad } from "../is-had.ts";
import type { MergeWarning } from "./merge-warnings.ts";

/** What a step came to; without a layer where it changed nothing. */
export type KnownStep = {
  readonly layer?: LayerRecord;
  readonly content?: string;
  /** Absent where it was made before this was kept. */
  readonly made?: Made;
};

/**
 * What a step of this key came to before, if its layer is still to be had.
 * @param acceptsListed a layer of which only the listing is known will do: nothing may come to read it
 */
export function knownStep(store: Store, key: Digest, acceptsListed = false): KnownStep | undefined {
  const known = store.records.get("step", key) as KnownStep | undefined;
  if (known?.layer === undefined || isHad(store, known.layer.descriptor.digest)) return known;
  return acceptsListed && store.listings.get(known.layer.diffId, BASE_FILES.id) !== undefined
    ? known
    : undefined;
}

/** Why a step of this key, which is not known, misses, where the key does not say it. */
export function lostOrForgotten(
  store: Store,
  key: Digest,
  isForgetful: boolean,
): { readonly cause?: "no-cache" | "lost" } {
  if (isForgetful) return { cause: "no-cache" };
  const isLost = ["step", "merge"].some((kind) => store.records.get(kind, key) !== undefined);
  return isLost ? { cause: "lost" } : {};
}

/** What took `work` so long, for who hits it later. */
export function madeSince(startedMs: number): Required<Pick<Made, "atMs" | "tookMs">> {
  return { atMs: Date.now(), tookMs: Math.round(performance.now() - startedMs) };
}

/** @param document that the key is the digest of, for `explain` */
export function rememberStep(store: Store, key: Digest, document: unknown, result: KnownStep): void {
  store.records.transaction(() => {
    store.records.put("step", key, result);
    store.records.put("step-key", key, document);
  });
}

/** The layers that laid one stage over another, and what there was to say of it. */
export type KnownMerge = {
  readonly layers: readonly {
    readonly layer: LayerRecord;
    readonly content: string;
    /** They are the merged stage's own, or were known. */
    readonly isReused: boolean;
  }[];
  readonly warnings: readonly MergeWarning[];
};

/** As `knownStep`. */
export function knownMerge(store: Store, key: Digest): KnownMerge | undefined {
  const known = store.records.get("merge", key) as KnownMerge | undefined;
  return known?.layers.every(({ layer }) => isHad(store, layer.descriptor.digest)) ? known : undefined;
}

export function rememberMerge(store: Store, key: Digest, document: unknown, merge: KnownMerge): void {
  store.records.transaction(() => {
    store.records.put("merge", key, merge);
    store.records.put("step-key", key, document);
  });
}

/**
 * Says what a captured layer is, times aside: its listing. A step that ran again and left the same is the earlier
 * result, so that what stands above it need not run again.
 */
export function contentOf({ entries, whiteouts, opaques }: LayerListing): string {
  return digestOf(canonicalJson({ entries, whiteouts, opaques }));
}

/** The earlier layer of the same content, if it is still to be had. */
export function equalLayer(store: Store, content: string): LayerRecord | undefined {
  const known = store.records.get("captured", content) as LayerRecord | undefined;
  return known !== undefined && isHad(store, known.descriptor.digest) ? known : undefined;
}

export function rememberCaptured(store: Store, content: string, layer: LayerRecord): void {
  store.records.put("captured", content, layer);
}

/** @throws CambiumError `LAYER_UNKNOWN` for the first layer that is not to be had. */
export function assertHad(store: Store, layers: readonly LayerRecord[]): void {
  const lost = layers.find((layer) => !isHad(store, layer.descriptor.digest));
  if (lost !== undefined) throw layerUnknown(lost.descriptor.digest, "only its listing is known");
}
