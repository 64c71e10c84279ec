import type { LoggedOutcome } from "../../explain/logged-build.ts";
import { formatPlatform } from "../../platform.ts";
import { isHad } from "../../solve/is-had.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { ImageResult } from "../results.ts";
import type { ImageRequest } from "./image-request.ts";
import { packagesDocument } from "./packages-document.ts";

/** One image for one platform: by its definition key if it was built before, else layer by layer. */
export async function buildImage(request: ImageRequest, bench: Workbench): Promise<ImageResult> {
  const known = bench.isForgetful
    ? undefined
    : (knownImage(request, bench) ?? (await recordedImage(request, bench)));
  if (known !== undefined) {
    for (const { name, digest, sizeBytes } of known.layers) {
      bench.emit({ type: "layer", name, digest, sizeBytes, isReused: true });
    }
  }
  const startedMs = performance.now();
  noteImage(request, known, 0, "stopped", bench);
  const result = known ?? (await composed(request, bench));
  noteImage(request, result, performance.now() - startedMs, known === undefined ? "miss" : "hit", bench);
  const { digest, platform, sizeBytes } = result;
  bench.emit({ type: "image", digest, platform: formatPlatform(platform), sizeBytes });
  return result;
}

/** For `explain`: packages and files of an image are one step. */
function noteImage(
  request: ImageRequest,
  result: ImageResult | undefined,
  tookMs: number,
  outcome: LoggedOutcome,
  { trace, isForgetful }: Workbench,
): void {
  const { key, platform, files } = request;
  if (trace === undefined) return;
  const document = () => packagesDocument({ ...request, files: files.map(({ id }) => id) });
  const cause = isForgetful ? ({ cause: "no-cache" } as const) : {};
  const missed = outcome === "hit" ? {} : { tookMs, ...cause };
  trace.packages(formatPlatform(platform), { outcome, key, document, ...missed }, layersOf(result));
}

function layersOf(result: ImageResult | undefined): readonly string[] {
  return (result?.layers ?? []).map(({ diffId }) => diffId);
}

async function composed(request: ImageRequest, bench: Workbench): Promise<ImageResult> {
  // Loaded only here: a build that knows everything must not wait for what makes layers.
  const { composeImage } = await import("./compose-image.ts");
  return composeImage(request, bench);
}

/** Where this machine does not know it, another may: the image itself, or else most of what it is made of. */
async function recordedImage(request: ImageRequest, bench: Workbench): Promise<ImageResult | undefined> {
  const { key, recorded } = request;
  if (recorded === undefined) return undefined;
  await recorded.adoptImage(key);
  const known = knownImage(request, bench);
  if (known === undefined) await recorded.adoptListings();
  return known;
}

function knownImage(
  { key, isWhole = false }: Pick<ImageRequest, "key" | "isWhole">,
  { store }: Workbench,
): ImageResult | undefined {
  const record = store.records.get("image", key) as ImageResult | undefined;
  if (record === undefined || !store.blobs.has(record.digest)) return undefined;
  if (isWhole && !record.layers.every(({ digest }) => isHad(store, digest))) return undefined;
  return { ...record, layers: record.layers.map((layer) => ({ ...layer, isReused: true })) };
}
