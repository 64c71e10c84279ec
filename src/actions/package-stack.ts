import type { ConfigDocument } from "../image/documents.ts";
import { configSchema } from "../image/documents.ts";
import type { Annotations } from "../image/manifest.ts";
import type { Digest } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import { packageContents, type StackBase } from "../solve/steps/stage-layers.ts";
import { isHad } from "../solve/steps/step-memory.ts";
import type { Workbench } from "../solve/workbench.ts";
import { loadImageSet } from "../store/stored-image.ts";
import { imageKey } from "./image-key.ts";
import { imageRecord } from "./image-record.ts";
import type { LockedSet } from "./prepare-stages.ts";
import type { ImageResult, LayerResult } from "./results.ts";

/** Packages as something that steps stand on. */
export type PackageStack = StackBase & {
  /** As they are told of. */
  readonly results: readonly LayerResult[];
  readonly annotations?: Annotations;
};

/**
 * The packages of one stage, as the layers of an image that has nothing else: the one that was made before, or made now.
 * @throws CambiumError as `composeImage`.
 */
export async function packageStack(
  { definition, lock, choose, locateDebs }: LockedSet,
  platform: Platform,
  created: string,
  bench: Workbench,
): Promise<PackageStack> {
  const key = imageKey({ definition, lock, platform, created, files: [] });
  // Its layers are told with those of the image that they become part of.
  const quiet: Workbench = {
    ...bench,
    emit: (event) => {
      if (event.type !== "layer") bench.emit(event);
    },
  };
  const known = bench.isForgetful ? undefined : knownStack(key, bench);
  if (known !== undefined) return known;
  const { composeImage } = await import("./compose-image.ts");
  const request = { definition, lock, platform, key, files: [], created, locateDebs };
  const result = await composeImage({ ...request, choose: () => choose(platform) }, quiet);
  bench.store.records.put("image", key, result);
  const stack = stackOf(result, bench);
  if (stack === undefined) throw new TypeError("the store lost the packages that were just composed");
  return stack;
}

/** Undefined when a layer of it is not to be had any more. */
function knownStack(key: Digest, bench: Workbench): PackageStack | undefined {
  const result = bench.store.records.get("image", key) as ImageResult | undefined;
  const stack = result && stackOf(result, bench);
  if (stack === undefined || !stack.layers.every((layer) => isHad(bench.store, layer))) return undefined;
  return { ...stack, results: stack.results.map((layer) => ({ ...layer, isReused: true })) };
}

function stackOf({ digest, layers: results }: ImageResult, { store }: Workbench): PackageStack | undefined {
  const [image] = loadImageSet(store, digest)?.images ?? [];
  const record = imageRecord(store, digest);
  if (image === undefined || record === undefined) return undefined;
  const config: ConfigDocument = configSchema.parse(
    JSON.parse(Buffer.from(image.config.bytes).toString("utf8")),
  );
  const layers = image.layers.map(({ descriptor, diffId }) => ({ descriptor, diffId }));
  const below = layers.slice(0, layers.length - record.layers.length);
  const segments = record.layers.flatMap((layer) => layer.segments);
  const { annotations } = JSON.parse(Buffer.from(image.manifest.bytes).toString("utf8")) as {
    annotations?: Annotations;
  };
  return {
    ...{ config, layers, results, contents: packageContents(below, segments) },
    ...(annotations !== undefined && { annotations }),
  };
}
