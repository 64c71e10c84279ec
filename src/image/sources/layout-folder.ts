import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, usageError } from "../../errors.ts";
import { type Digest, hexOf } from "../../layer/digest.ts";
import { blobUnknown, type ImageSource } from "../source.ts";
import { chooseRoot } from "./choose-root.ts";

/** An index of tags beyond this is no index: 4 MiB hold some 10,000. */
const MAX_INDEX_BYTES = 4 * 2 ** 20;

/**
 * Opens an image layout folder (image-spec, image-layout.md). `tag` chooses among several images.
 * @throws CambiumError `SOURCE_UNREADABLE`, `SOURCE_AMBIGUOUS`, `SOURCE_TAG_UNKNOWN`.
 */
export async function openLayoutFolder(folder: string, tag?: string): Promise<ImageSource> {
  const path = join(folder, "index.json");
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_INDEX_BYTES) throw new Error(`${size} bytes are too many`);
    text = await readFile(path, "utf8");
  } catch (error) {
    throw usageError(
      "SOURCE_UNREADABLE",
      `not an image layout: ${folder}: ${messageOf(error)}`,
      "Name a folder with oci-layout and index.json.",
      error,
    );
  }
  const root = chooseRoot(text, folder, tag);
  return {
    where: folder,
    root,
    read: ({ digest }) => readBlob(folder, digest),
    close: async () => undefined,
  };
}

async function* readBlob(folder: string, digest: Digest): AsyncGenerator<Uint8Array> {
  const path = join(folder, "blobs/sha256", hexOf(digest));
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw blobUnknown(folder, digest);
  yield* createReadStream(path, { highWaterMark: 1 << 20 });
}
