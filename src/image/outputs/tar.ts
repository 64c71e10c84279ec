import { once } from "node:events";
import type { Writable } from "node:stream";
import { canonicalJson } from "../../canonical-json.ts";
import { usageError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import { type Digest, digestOf, hexOf } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { paddingOf, tarHeader } from "../../layer/tar-header.ts";
import { blobsOf, type ImageSet, rootOf } from "../image.ts";
import { formatReference, type Reference, withDefaultTag } from "../reference.ts";
import { verified } from "../verified.ts";
import { writeAtomically } from "./atomic-file.ts";
import { LAYOUT_MARK, layoutEntries, layoutIndex } from "./layout-documents.ts";

export type TarOptions = {
  readonly tags: readonly Reference[];
  /** `docker` promises a tar that `docker load` reads, so it takes one platform only; the bytes are the same. */
  readonly format: "oci" | "docker";
};

const BLOBS = "blobs/sha256";

/**
 * One tar that is an image layout and, for a single platform, a docker archive too: `manifest.json` points at the
 * same blobs. The bytes depend on the image and the tags only. Memory: one chunk.
 * @throws CambiumError `OUTPUT_PLATFORMS`, and `DIGEST_INVALID` or `SIZE_INVALID` while layers are read.
 */
export async function* imageTar(set: ImageSet, options: TarOptions): AsyncGenerator<Uint8Array> {
  assertPlatforms(set, options);
  const root = rootOf(set).descriptor;
  yield* file("oci-layout", Buffer.from(LAYOUT_MARK));
  yield* file("index.json", Buffer.from(layoutIndex(layoutEntries(root, options.tags))));
  if (set.index === undefined) yield* file("manifest.json", dockerManifest(set, options.tags));
  yield directory("blobs");
  yield directory(BLOBS);
  for (const { descriptor, bytes } of blobsOf(set)) {
    const { digest, size } = descriptor;
    yield fileHeader(`${BLOBS}/${hexOf(digest)}`, size, digest);
    yield* verified(bytes(), descriptor, digest);
    yield Buffer.alloc(paddingOf(size));
  }
  yield Buffer.alloc(1024);
}

/**
 * Writes `imageTar` to a file, whole or not at all, or into a stream such as stdout, which is left open.
 * @throws CambiumError `OUTPUT_UNWRITABLE`, `DISK_FULL`, and as `imageTar`.
 */
export async function writeImageTar(
  set: ImageSet,
  dest: string | Writable,
  options: TarOptions,
  emit: Emit,
): Promise<{ readonly digest: Digest; readonly writtenBytes: number }> {
  assertPlatforms(set, options);
  const { digest } = rootOf(set).descriptor;
  const source = imageTar(set, options);
  const writtenBytes =
    typeof dest === "string" ? await writeAtomically(dest, source) : await pour(source, dest);
  emit({ type: "output", kind: options.format, where: typeof dest === "string" ? dest : "-", digest });
  return { digest, writtenBytes };
}

/** Writes with back pressure; a broken pipe ends in its error. */
async function pour(source: AsyncIterable<Uint8Array>, sink: Writable): Promise<number> {
  let size = 0;
  for await (const chunk of source) {
    if (!sink.write(chunk)) await once(sink, "drain");
    size += chunk.byteLength;
  }
  return size;
}

function assertPlatforms(set: ImageSet, options: TarOptions): void {
  if (options.format !== "docker" || set.images.length === 1) return;
  throw usageError(
    "OUTPUT_PLATFORMS",
    `a docker archive holds one platform, not ${set.images.length}`,
    "Choose one with --platform, or use type=oci.",
  );
}

/** What `docker load` reads when it does not know image layouts. */
function dockerManifest(set: ImageSet, tags: readonly Reference[]): Uint8Array {
  const rows = set.images.map((image) => ({
    Config: `${BLOBS}/${hexOf(image.config.descriptor.digest)}`,
    // A reference by digest is no tag, and docker refuses it here.
    // In full, since podman takes a short name for one of localhost.
    RepoTags: tags
      .filter((tag) => tag.digest === undefined)
      .map((tag) => formatReference(withDefaultTag(tag))),
    Layers: image.layers.map((layer) => `${BLOBS}/${hexOf(layer.descriptor.digest)}`),
  }));
  return Buffer.from(canonicalJson(rows));
}

function* file(path: string, bytes: Uint8Array): Generator<Uint8Array> {
  yield fileHeader(path, bytes.byteLength, digestOf(bytes));
  yield bytes;
  yield Buffer.alloc(paddingOf(bytes.byteLength));
}

function fileHeader(path: string, size: number, digest: Digest): Uint8Array {
  return tarHeader({ type: "file", path, mode: 0o644, uid: 0, gid: 0, size, digest }, CONSTANT_MTIME);
}

function directory(path: string): Uint8Array {
  return tarHeader({ type: "directory", path, mode: 0o755, uid: 0, gid: 0 }, CONSTANT_MTIME);
}
