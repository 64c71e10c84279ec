import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type CambiumError, messageOf, usageError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import { type Digest, hexOf } from "../../layer/digest.ts";
import { type BlobSource, blobsOf, type ImageSet, rootOf } from "../image.ts";
import type { Reference } from "../reference.ts";
import { verified } from "../verified.ts";
import { onceBytes, writeAtomically } from "./atomic-file.ts";
import {
  LAYOUT_MARK,
  type LayoutEntry,
  layoutEntries,
  layoutIndex,
  mergeEntries,
} from "./layout-documents.ts";
import { errnoOf, outputError } from "./output-error.ts";

export type LayoutResult = {
  readonly digest: Digest;
  readonly writtenBytes: number;
  readonly writtenBlobs: number;
};

/** Layers are often computed while they are read; two at once keep two cores busy and memory flat. */
const CONCURRENCY = 2;

/**
 * Writes an image layout into the folder `dest` (image-spec, image-layout.md), made if it is not there. Blobs that
 * are there with the right size stay, so a small change to a large image writes little. `index.json` comes last:
 * until then readers see the images of before, of which those under other tags are kept.
 * @throws CambiumError `OUTPUT_EXISTS` for a folder of something else, `OUTPUT_UNWRITABLE`, `DISK_FULL`,
 *   `DIGEST_INVALID` or `SIZE_INVALID` when a layer's bytes are not what its descriptor says.
 */
export async function writeOciLayout(
  set: ImageSet,
  dest: string,
  options: {
    readonly tags: readonly Reference[];
    readonly signal?: AbortSignal;
    /** Documents alone: layers stay where they are, for who knows that place. */
    readonly isReference?: boolean;
  },
  emit: Emit,
): Promise<LayoutResult> {
  const root = rootOf(set).descriptor;
  const before = await prepareFolder(dest);
  const layers = new Set(
    set.images.flatMap((image) => image.layers.map(({ descriptor }) => descriptor.digest)),
  );
  const queue = blobsOf(set).filter(
    ({ descriptor }) => options.isReference !== true || !layers.has(descriptor.digest),
  );
  let writtenBytes = 0;
  let writtenBlobs = 0;
  const work = async () => {
    for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) {
      options.signal?.throwIfAborted();
      const size = await writeBlob(dest, blob);
      writtenBytes += size;
      writtenBlobs += size === 0 ? 0 : 1;
    }
  };
  await settleAll(Array.from({ length: CONCURRENCY }, work), () => queue.splice(0));
  await writeFileIfNew(join(dest, "oci-layout"), LAYOUT_MARK);
  const entries = mergeEntries(before, layoutEntries(root, options.tags));
  await writeFileIfNew(join(dest, "index.json"), layoutIndex(entries));
  emit({ type: "output", kind: "oci", where: dest, digest: root.digest });
  return { digest: root.digest, writtenBytes, writtenBlobs };
}

/** Waits for all even when one fails, so that nothing writes on after the error is out. */
async function settleAll(tasks: readonly Promise<void>[], stop: () => void): Promise<void> {
  for (const task of tasks) task.catch(stop);
  for (const result of await Promise.allSettled(tasks)) if (result.status === "rejected") throw result.reason;
}

/** Makes or checks the folder and gives the rows that its `index.json` has. */
async function prepareFolder(dest: string): Promise<readonly LayoutEntry[]> {
  try {
    await mkdir(dest, { recursive: true });
    const names = await readdir(dest);
    // Leftovers of a first run that was killed: blobs, but no mark yet.
    const isForeign = !names.includes("oci-layout") && names.some((name) => name !== "blobs");
    if (isForeign) throw foreignFolder(dest, "it has files but no oci-layout");
    await mkdir(join(dest, "blobs/sha256"), { recursive: true });
    return await readEntries(dest);
  } catch (error) {
    throw outputError(error, dest);
  }
}

async function readEntries(dest: string): Promise<readonly LayoutEntry[]> {
  let text: string;
  try {
    text = await readFile(join(dest, "index.json"), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw foreignFolder(dest, `its index.json is damaged: ${messageOf(error)}`);
  }
  const manifests = isRecord(index) ? index.manifests : undefined;
  if (!Array.isArray(manifests) || !manifests.every(isLayoutEntry)) {
    throw foreignFolder(dest, "its index.json is not an image index");
  }
  return manifests;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isLayoutEntry(value: unknown): value is LayoutEntry {
  if (!isRecord(value)) return false;
  const { annotations } = value;
  if (annotations === undefined) return true;
  return isRecord(annotations) && Object.values(annotations).every((text) => typeof text === "string");
}

function foreignFolder(dest: string, problem: string): CambiumError {
  return usageError(
    "OUTPUT_EXISTS",
    `the output folder ${dest} is not an image layout: ${problem}`,
    "Choose another dest, or remove the folder.",
  );
}

/** @returns the bytes written: 0 when the blob was there. */
async function writeBlob(dest: string, blob: BlobSource): Promise<number> {
  const { digest, size } = blob.descriptor;
  const path = join(dest, "blobs/sha256", hexOf(digest));
  if ((await sizeAt(path)) === size) return 0;
  return await writeAtomically(path, verified(blob.bytes(), blob.descriptor, digest));
}

async function sizeAt(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw outputError(error, path);
  }
}

/** An unchanged file keeps its times, so that a no-op build leaves the folder as it was. */
async function writeFileIfNew(path: string, text: string): Promise<void> {
  const before = await readFile(path, "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw outputError(error, path);
  });
  if (before !== text) await writeAtomically(path, onceBytes(text));
}
