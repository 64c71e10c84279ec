import { homeOf } from "../../cache/place.ts";
import type { StepFacts } from "../../explain/build-trace.ts";
import type { ConfigDocument } from "../../image/documents.ts";
import { configSchema } from "../../image/documents.ts";
import type { Annotations } from "../../image/manifest.ts";
import type { Digest } from "../../layer/digest.ts";
import type { Segment } from "../../layer/segment.ts";
import type { Platform } from "../../platform.ts";
import { baseDocuments } from "../../solve/base-documents.ts";
import { isBytecode } from "../../solve/bytecode/kinds.ts";
import { cachedPlaces } from "../../solve/cached-places.ts";
import { isHad } from "../../solve/is-had.ts";
import { packageContents, type StackBase } from "../../solve/steps/stage-layers.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import { loadImageSet } from "../../store/stored-image.ts";
import { compositionIds, isComposable } from "../../store/stored-layer.ts";
import type { ImageResult, LayerResult } from "../results.ts";
import type { LockedSet } from "../stages/prepare-stages.ts";
import { imageKey } from "./image-key.ts";
import { packagesDocument } from "./packages-document.ts";

/** Packages as something that steps stand on. */
export type PackageStack = StackBase & {
  /** Manifest of the image that has nothing else. */
  readonly digest: Digest;
  /** As they are told of. */
  readonly results: readonly LayerResult[];
  readonly annotations?: Annotations;
};

export type StackRequest = {
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  /** A layer of which only the listing is known will do. */
  readonly acceptsListed: boolean;
  /** Told how it goes, for `explain`. */
  readonly note?: (facts: StepFacts) => void;
};

/** Definition key of the packages of one stage: of an image that has nothing else. */
export function stackKey({ definition, installed }: LockedSet, platform: Platform, created: string): Digest {
  return imageKey({ definition, lock: installed, platform, created, files: [] });
}

/** What `explain` compares packages of a stage by. */
export function stackFacts(
  key: Digest,
  { definition, installed: lock }: LockedSet,
  platform: Platform,
  created: string,
): Pick<StepFacts, "key" | "document"> {
  return { key, document: () => packagesDocument({ definition, lock, platform, created, files: [] }) };
}

/**
 * The packages of one stage, as the layers of an image that has nothing else: the one that was made before, or made now.
 * @throws CambiumError as `composeImage`.
 */
export async function packageStack(
  locked: LockedSet,
  { platform, created, acceptsListed, note }: StackRequest,
  bench: Workbench,
): Promise<PackageStack> {
  const { definition, lock, choose, locateDebs } = locked;
  const key = stackKey(locked, platform, created);
  // Its layers are told with those of the image that they become part of.
  const quiet: Workbench = {
    ...bench,
    emit: (event) => {
      if (event.type !== "layer") bench.emit(event);
    },
  };
  const baseCount = await baseLayerCount(lock, platform, bench);
  const hasBytecode = definition.python?.bytecode === true;
  const parts = { baseCount, hasBytecode };
  const known = bench.isForgetful ? undefined : knownStack(key, parts, acceptsListed, bench);
  const facts = stackFacts(key, locked, platform, created);
  note?.(
    known === undefined
      ? { ...facts, outcome: "stopped" }
      : { ...facts, outcome: "hit", ...madeAt(known.results, bench.store) },
  );
  if (known !== undefined) return known;
  const startedMs = performance.now();
  const { composeImage } = await import("./compose-image.ts");
  const request = { definition, lock, platform, key, files: [], created, locateDebs, acceptsListed };
  const result = await composeImage({ ...request, choose: () => choose(platform) }, quiet);
  const stack = stackOf(result, parts, bench);
  const cause = bench.isForgetful ? ({ cause: "no-cache" } as const) : {};
  const isHit = !bench.isForgetful && result.layers.every(({ isReused }) => isReused);
  if (isHit) note?.({ ...facts, outcome: "hit", ...madeAt(result.layers, bench.store) });
  else note?.({ ...facts, ...cause, outcome: "miss", tookMs: performance.now() - startedMs });
  if (stack === undefined) throw new TypeError("the store lost the packages that were just composed");
  return stack;
}

/** All its layers were known; where one is not here, it was made where that is. */
function madeAt(layers: readonly LayerResult[], store: Store): Pick<StepFacts, "made"> {
  for (const { digest } of layers) {
    // Most layers were made here and are in no cache: whether they can be composed is a look at each of their packages.
    const [place] = cachedPlaces(store, digest);
    if (place !== undefined && !isComposable(store, digest)) return { made: { where: homeOf(place) } };
  }
  return {};
}

/** As `packageStack`, where it was made before. Nothing is made. */
export async function knownPackages(
  locked: LockedSet,
  platform: Platform,
  created: string,
  bench: Workbench,
): Promise<PackageStack | undefined> {
  const baseCount = await baseLayerCount(locked.lock, platform, bench);
  const hasBytecode = locked.definition.python?.bytecode === true;
  return knownStack(stackKey(locked, platform, created), { baseCount, hasBytecode }, true, bench);
}

/** Undefined when a layer of it is not to be had any more. */
function knownStack(
  key: Digest,
  parts: StackParts,
  acceptsListed: boolean,
  bench: Workbench,
): PackageStack | undefined {
  const result = bench.store.records.get("image", key) as ImageResult | undefined;
  const stack = result && stackOf(result, parts, bench);
  if (stack === undefined) return undefined;
  if (!acceptsListed && !stack.layers.every(({ descriptor }) => isHad(bench.store, descriptor.digest)))
    return undefined;
  return { ...stack, results: stack.results.map((layer) => ({ ...layer, isReused: true })) };
}

async function baseLayerCount(
  { base }: LockedSet["lock"],
  platform: Platform,
  bench: Workbench,
): Promise<number> {
  const digest = base?.targets[platform.architecture]?.digest;
  if (base === undefined || digest === undefined) return 0;
  return (await baseDocuments(base.reference, digest, platform, bench)).layers.length;
}

type StackParts = {
  /** How many of the layers are those of an image of a registry. */
  readonly baseCount: number;
  readonly hasBytecode: boolean;
};

function stackOf(
  { digest, layers: results }: ImageResult,
  { baseCount, hasBytecode }: StackParts,
  { store }: Workbench,
): PackageStack | undefined {
  const [image] = loadImageSet(store, digest)?.images ?? [];
  if (image === undefined) return undefined;
  const layers = image.layers.map(({ descriptor, diffId }) => ({ descriptor, diffId }));
  const composed = layers.slice(baseCount).map((layer) => compositionIds(store, layer.descriptor.digest));
  if (!composed.every((ids) => ids !== undefined)) return undefined;
  const config: ConfigDocument = configSchema.parse(
    JSON.parse(Buffer.from(image.config.bytes).toString("utf8")),
  );
  const { annotations } = JSON.parse(Buffer.from(image.manifest.bytes).toString("utf8")) as {
    annotations?: Annotations;
  };
  const ids = composed.flat();
  const bytecode = hasBytecode
    ? bytecodePaths(ids.flatMap((id) => store.segments.get(id) ?? []))
    : new Set<string>();
  return {
    ...{ digest, config, layers, results, bytecode },
    contents: packageContents(layers.slice(0, baseCount), ids),
    ...(annotations !== undefined && { annotations }),
  };
}

/** Where the bytecode among these segments lies. */
export function bytecodePaths(segments: readonly Segment[]): Set<string> {
  return new Set(segments.filter(isBytecode).flatMap(({ entries }) => entries.map(({ path }) => path)));
}
