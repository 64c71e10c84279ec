import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, usageError } from "../../errors.ts";
import { type Descriptor, type Digest, hexOf } from "../../layer/digest.ts";
import type { LayoutReference } from "../layout-reference.ts";
import { isIndexType, isManifestType } from "../media-types.ts";
import { blobUnknown, type ImageSource } from "../source.ts";
import { chooseRoot } from "./choose-root.ts";

/** An index of tags, or a manifest, beyond this is none: 4 MiB hold some 10,000 rows. */
const MAX_DOCUMENT_BYTES = 4 * 2 ** 20;

/**
 * Opens an image layout folder (image-spec, image-layout.md). `tag` chooses among several images.
 * @throws CambiumError `SOURCE_UNREADABLE`, `SOURCE_AMBIGUOUS`, `SOURCE_TAG_UNKNOWN`.
 */
export async function openLayoutFolder(folder: string, tag?: string): Promise<ImageSource> {
  return sourceAt(folder, chooseRoot(await readIndex(folder), folder, tag));
}

/**
 * Opens what a reference names; a digest may be of a manifest that no index lists.
 * @throws CambiumError as `openLayoutFolder`; `BLOB_UNKNOWN`.
 */
export async function openLayoutImage({ folder, tag, digest }: LayoutReference): Promise<ImageSource> {
  if (digest === undefined) return openLayoutFolder(folder, tag);
  await readIndex(folder);
  return sourceAt(folder, await describedManifest(folder, digest));
}

function sourceAt(folder: string, root: Descriptor): ImageSource {
  return {
    where: folder,
    root,
    read: ({ digest }) => readLayoutBlob(folder, digest),
    close: async () => undefined,
  };
}

async function readIndex(folder: string): Promise<string> {
  try {
    return (await readSmallFile(join(folder, "index.json"))).toString("utf8");
  } catch (error) {
    throw usageError(
      "SOURCE_UNREADABLE",
      `not an image layout: ${folder}: ${messageOf(error)}`,
      "Name a folder with oci-layout and index.json.",
      error,
    );
  }
}

/** What a manifest says of its own type; whether its bytes are the digest's is judged where they are read for good. */
async function describedManifest(folder: string, digest: Digest): Promise<Descriptor> {
  const bytes = await readSmallFile(blobPath(folder, digest)).catch(() => undefined);
  if (bytes === undefined) throw blobUnknown(folder, digest);
  const mediaType = mediaTypeOf(bytes);
  if (isIndexType(mediaType) || isManifestType(mediaType)) return { mediaType, digest, size: bytes.length };
  throw usageError(
    "SOURCE_UNREADABLE",
    `${folder}: ${digest} is no image`,
    "Name the digest of a manifest or an index.",
  );
}

function mediaTypeOf(bytes: Buffer): string {
  try {
    return String(Reflect.get(Object(JSON.parse(bytes.toString("utf8"))), "mediaType"));
  } catch {
    return "";
  }
}

/** A document of a layout. A pipe in a file's place would be waited for. @throws Error for one that is too large. */
export async function readSmallFile(path: string): Promise<Buffer> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error("not a file");
  if (found.size > MAX_DOCUMENT_BYTES) throw new Error(`${found.size} bytes are too many`);
  return readFile(path);
}

export function blobPath(folder: string, digest: Digest): string {
  return join(folder, "blobs/sha256", hexOf(digest));
}

/** Bytes of a blob as they are, not checked. @throws CambiumError `BLOB_UNKNOWN`. */
export async function* readLayoutBlob(folder: string, digest: Digest): AsyncGenerator<Uint8Array> {
  const path = blobPath(folder, digest);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw blobUnknown(folder, digest);
  yield* createReadStream(path, { highWaterMark: 1 << 20 });
}
