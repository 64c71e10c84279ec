import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { messageOf, usageError } from "../../errors.ts";
import { hexOf } from "../../layer/digest.ts";
import { readTar } from "../../layer/read-tar.ts";
import { blobUnknown, type ImageSource, type StatedBlob } from "../source.ts";
import { chooseRoot } from "./choose-root.ts";

const CHUNK = 1 << 20;
const MAX_INDEX_BYTES = 4 * 2 ** 20;

type Range = { readonly offset: number; readonly size: number };

/**
 * Opens a tar of an image layout, which our docker archives are too. Reads it once to learn where blobs are.
 * @throws CambiumError `SOURCE_UNREADABLE`, `SOURCE_AMBIGUOUS`, `SOURCE_TAG_UNKNOWN`, `ARCHIVE_…`.
 */
export async function openImageTar(path: string, tag?: string): Promise<ImageSource> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw usageError(
      "SOURCE_UNREADABLE",
      `cannot read ${path}: ${messageOf(error)}`,
      "Name an image tar.",
      error,
    );
  });
  try {
    const members = await locateMembers(path);
    const index = members.get("index.json");
    if (index === undefined || index.size > MAX_INDEX_BYTES) throw notLayout(path, members);
    const bytes: Uint8Array[] = [];
    for await (const chunk of readRange(file, index, path)) bytes.push(chunk);
    const root = chooseRoot(Buffer.concat(bytes).toString("utf8"), path, tag);
    async function* read({ digest }: StatedBlob): AsyncGenerator<Uint8Array> {
      const range = members.get(`blobs/sha256/${hexOf(digest)}`);
      if (range === undefined) throw blobUnknown(path, digest);
      yield* readRange(file, range, path);
    }
    return { where: path, root, read, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function locateMembers(path: string): Promise<Map<string, Range>> {
  const members = new Map<string, Range>();
  // A second member of one name would let two readers see two images.
  const limits = { refuseDuplicates: true };
  for await (const entry of readTar(createReadStream(path, { highWaterMark: CHUNK }), path, limits)) {
    if (entry.type === "file") members.set(entry.path, { offset: entry.offset, size: entry.size });
  }
  return members;
}

async function* readRange(file: FileHandle, range: Range, where: string): AsyncGenerator<Uint8Array> {
  let done = 0;
  while (done < range.size) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, range.size - done));
    const { bytesRead } = await file.read(chunk, 0, chunk.byteLength, range.offset + done);
    if (bytesRead === 0) throw usageError("SOURCE_UNREADABLE", `${where} became shorter while it was read`);
    done += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

function notLayout(path: string, members: ReadonlyMap<string, Range>): Error {
  const isDockerOnly = members.has("manifest.json");
  return usageError(
    "SOURCE_UNREADABLE",
    `not a tar of an image layout: ${path}: ${isDockerOnly ? "it has only manifest.json" : "it has no index.json"}`,
    isDockerOnly
      ? "Save it with a docker that writes image layouts too (25 or later), or convert it with skopeo copy."
      : "Name a tar that has oci-layout and index.json.",
  );
}
