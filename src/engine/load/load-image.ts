import { usageError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import { blobsOf, type Image, type ImageSet, imageSet } from "../../image/image.ts";
import { imageTar } from "../../image/outputs/tar.ts";
import { familiarReference, type Reference, withDefaultTag } from "../../image/reference.ts";
import type { Digest } from "../../layer/digest.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import type { Engine, EngineKind, Env } from "./engine.ts";
import { findEngine } from "./find-engine.ts";

export type LoadRequest = {
  /** Absent: the first engine that answers. */
  readonly wanted?: EngineKind;
  readonly tags: readonly Reference[];
  /** This machine's: of several platforms an engine gets only what it can run. */
  readonly host: Platform;
  readonly env: Env;
  readonly signal: AbortSignal;
};

export type Loaded = { readonly where: string; readonly digest: Digest };

/** Progress events: one per this many bytes. */
const PROGRESS_BYTES = 2 ** 20;

/**
 * Streams an image into a container engine of this machine, without a file in between; nothing is sent where each of the
 * tags leads to the image already.
 * @throws CambiumError `LOAD_NO_ENGINE`, `LOAD_UNTAGGED`, `LOAD_PLATFORM`, `LOAD_FAILED`, and as `imageTar`.
 */
export async function loadIntoEngine(set: ImageSet, request: LoadRequest, emit: Emit): Promise<Loaded> {
  const { wanted, tags, host, env, signal } = request;
  const image = imageFor(set, host);
  const engine = await findEngine(wanted, env, signal);
  const names = tags.filter(({ digest }) => digest === undefined).map(withDefaultTag);
  if (engine.kind === "containerd" && names.length === 0) {
    throw usageError(
      "LOAD_UNTAGGED",
      "--load: containerd keeps images by name, and this one has none",
      "Add -t NAME:TAG.",
    );
  }
  if (set.images.length > 1) {
    const message = `${engine.kind} gets ${formatPlatform(image.platform)} only, which this machine runs.`;
    emit({ type: "notice", message });
  }
  const { digest } = image.manifest.descriptor;
  const id = `load into ${engine.kind}`;
  emit({ type: "step-started", id, name: id });
  try {
    const isThere = await holds(engine, image, names, signal);
    if (!isThere) await send(engine, image, names, signal, emit);
    emit({ type: "step-done", id, outcome: isThere ? "hit" : "done" });
  } catch (error) {
    emit({ type: "step-done", id, outcome: "failed" });
    throw error;
  }
  const where = [engine.kind, ...names.map(familiarReference)].join(" ");
  emit({ type: "output", kind: "load", where, digest });
  return { where, digest };
}

function imageFor({ images }: ImageSet, host: Platform): Image {
  const [only] = images;
  // A single image is what was asked for, whatever this machine runs.
  if (images.length === 1 && only !== undefined) return only;
  const found = images.find(({ platform }) => formatPlatform(platform) === formatPlatform(host));
  if (found !== undefined) return found;
  throw usageError(
    "LOAD_PLATFORM",
    `--load: none of the images is for ${formatPlatform(host)}, which this machine runs`,
    "Name one platform with --platform.",
  );
}

/** An engine calls an image by its config's digest, or by its manifest's where containerd keeps it. */
async function holds(
  { imageId }: Engine,
  { config, manifest }: Image,
  names: readonly Reference[],
  signal: AbortSignal,
): Promise<boolean> {
  if (imageId === undefined || names.length === 0) return false;
  const ids: readonly (string | undefined)[] = [config.descriptor.digest, manifest.descriptor.digest];
  for (const name of names) {
    if (!ids.includes(await imageId(familiarReference(name), signal))) return false;
  }
  return true;
}

async function send(
  engine: Engine,
  image: Image,
  tags: readonly Reference[],
  signal: AbortSignal,
  emit: Emit,
): Promise<void> {
  const set = imageSet([image]);
  const sizeBytes = blobsOf(set).reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const id = `load ${image.manifest.descriptor.digest}`;
  emit({ type: "upload-started", id, name: `image into ${engine.kind}`, sizeBytes });
  let sentBytes = 0;
  const tar = counted(imageTar(set, { tags, format: "docker" }), (sum) => {
    sentBytes = sum;
    // The tar's own headers come on top of the blobs.
    emit({ type: "upload-progress", id, sentBytes: Math.min(sum, sizeBytes) });
  });
  await engine.load(tar, signal);
  emit({ type: "upload-done", id, sentBytes });
}

/** Tells the sum from time to time, and at the end. */
async function* counted(
  source: AsyncIterable<Uint8Array>,
  tell: (sum: number) => void,
): AsyncGenerator<Uint8Array> {
  let sum = 0;
  let told = 0;
  for await (const chunk of source) {
    yield chunk;
    sum += chunk.byteLength;
    if (sum - told < PROGRESS_BYTES) continue;
    told = sum;
    tell(sum);
  }
  tell(sum);
}
