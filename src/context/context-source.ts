import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { giveBackChunk, takeChunk } from "../layer/chunks.ts";
import { contentDigest, type DigestCache, READ_PLAIN_FILE, unreadableFile } from "./content-digest.ts";
import type { ContentEntry, ContentFile, ContentSource } from "./content-source.ts";
import type { ContextFile, ContextTree } from "./walk.ts";

/**
 * A folder on disk as a source of copies: all is root's, modes are as they are on disk. Digests that `cache` knows cost
 * no reading. Extended attributes are not read, which Node cannot.
 */
export function contextSource(tree: ContextTree, cache: DigestCache, where?: string): ContentSource {
  const files = new Map(tree.files.map((file) => [file.path, file]));
  const find = ({ path }: ContentFile): ContextFile => {
    const file = files.get(path);
    if (file === undefined) throw new TypeError(`not of this context: ${path}`);
    return file;
  };
  return {
    where: where ?? `the build context ${tree.root}`,
    entries: tree.files.map(contentEntry),
    excluded: tree.excluded,
    digest: (file) => contentDigest(tree.root, find(file), cache),
    async *read(wanted) {
      for (const file of wanted) yield { file, content: contentOf(tree.root, file) };
    },
  };
}

function contentEntry({ path, type, mode, size, target, inode, isHardlinked }: ContextFile): ContentEntry {
  const base = { path, mode, uid: 0, gid: 0 };
  if (type === "directory") return { ...base, type };
  if (type === "symlink") return { ...base, type, mode: 0o777, target: target ?? "" };
  return { ...base, type, size, ...(isHardlinked && { inode: String(inode) }) };
}

async function* contentOf(root: string, { path, size }: ContentFile): AsyncGenerator<Uint8Array> {
  const chunk = takeChunk();
  try {
    // A file that grew meanwhile is cut here, and then is not what its digest says.
    if (size <= chunk.byteLength) yield chunk.subarray(0, readSmall(join(root, path), path, chunk));
    else yield* readLarge(join(root, path), path, chunk);
  } finally {
    giveBackChunk(chunk);
  }
}

/** Synchronous: of 30,000 small files the visits to other threads took ten times as long as all the rest. */
function readSmall(file: string, path: string, chunk: Buffer): number {
  let descriptor: number;
  try {
    descriptor = openSync(file, READ_PLAIN_FILE);
  } catch (cause) {
    throw unreadableFile(path, cause);
  }
  try {
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, chunk, length, chunk.byteLength - length, null);
      if (count === 0) return length;
      length += count;
    }
  } finally {
    closeSync(descriptor);
  }
}

async function* readLarge(file: string, path: string, chunk: Buffer): AsyncGenerator<Uint8Array> {
  const handle = await open(file, READ_PLAIN_FILE).catch((cause: unknown) => {
    throw unreadableFile(path, cause);
  });
  try {
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, null);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
