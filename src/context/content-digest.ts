import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CambiumError, messageOf } from "../errors.ts";
import { type Digest, Hasher } from "../layer/digest.ts";
import { isRacy } from "./context-stamp.ts";
import type { ContextFile } from "./walk.ts";

/** Digests of contents that were read before, kept by the caller between builds. A cache can only help. */
export interface DigestCache {
  get(key: string): Digest | undefined;
  put(key: string, digest: Digest): void;
}

const CHUNK_BYTES = 1 << 20;
/** What became a link or a pipe since the walk must neither be followed nor waited for. */
export const READ_PLAIN_FILE = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** All that changes when a file's content does: path, size, mtime and ctime in ns, inode. */
export function digestKey(file: ContextFile): string {
  return `${file.path}\0${file.size}\0${file.mtimeNs}\0${file.inode}\0${file.ctimeNs}`;
}

/**
 * Digest of a context file's content, from the cache when its stamps are known there: then nothing is read.
 * @throws CambiumError `CONTEXT_UNREADABLE`, `CONTEXT_CHANGED` when the file is written meanwhile.
 */
export async function contentDigest(root: string, file: ContextFile, cache: DigestCache): Promise<Digest> {
  const key = digestKey(file);
  const known = cache.get(key);
  if (known !== undefined) return known;
  const startedMs = Date.now();
  const digest = await readDigest(root, file);
  if (!isRacy(file, startedMs)) cache.put(key, digest);
  return digest;
}

async function readDigest(root: string, file: ContextFile): Promise<Digest> {
  const descriptor = openFile(root, file);
  try {
    assertUnchanged(file, fstatSync(descriptor, { bigint: true }));
    const hasher = new Hasher();
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, file.size + 1)));
    for (let total = 0; ; ) {
      const count = readSync(descriptor, chunk);
      if (count === 0) break;
      hasher.update(chunk.subarray(0, count));
      total += count;
      // Synchronous reads are three times as fast for small files; a big one lets others run between chunks.
      if (total >= CHUNK_BYTES) await new Promise((resolve) => setImmediate(resolve));
      if (total > file.size) break;
    }
    assertUnchanged(file, fstatSync(descriptor, { bigint: true }));
    return hasher.digest();
  } finally {
    closeSync(descriptor);
  }
}

function openFile(root: string, file: ContextFile): number {
  try {
    return openSync(join(root, file.path), READ_PLAIN_FILE);
  } catch (cause) {
    throw unreadableFile(file.path, cause);
  }
}

export function unreadableFile(path: string, cause: unknown): CambiumError {
  return new CambiumError("CONTEXT_UNREADABLE", `cannot read ${path}: ${messageOf(cause)}`, {
    hint: "Make it readable, or exclude it in .dockerignore.",
    cause,
    exitCode: 2,
  });
}

/** @throws CambiumError `CONTEXT_CHANGED` when `stats` are not those of the walk. */
export function assertUnchanged(file: ContextFile, stats: BigIntStats): void {
  if (stats.size === BigInt(file.size) && stats.mtimeNs === file.mtimeNs && stats.ino === file.inode) return;
  throw new CambiumError("CONTEXT_CHANGED", `${file.path} changed while it was read`, {
    hint: "Run the build again when nothing writes into the project.",
  });
}
