import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CambiumError } from "../errors.ts";
import { type Digest, digestOf, hexOf, parseDigest } from "../layer/digest.ts";
import type { BlobReader, BlobWriter } from "../layer/segment.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { asidePath, publish, temporaryPath, writeAtomically } from "./temporary.ts";
import { type Added, isBack, removeUnlessUsed, usedFile } from "./used.ts";

/** `usedMs`: when it was written or looked up last, exact to `USED_STEP_MS`. */
export type BlobStat = { readonly digest: Digest; readonly sizeBytes: number; readonly usedMs: number };

/** Well below the usual limit of 1024 open files per process, with several workers in it. */
const MAX_OPEN = 64;
const STREAM_CHUNK = 1 << 20;

/**
 * Blobs by digest: `blobs-v1/sha256/<2 hex>/<64 hex>` below the store's root. Needs no index and no lock, so each
 * worker may open its own. A blob that is there is whole: it was verified and synced before it got its name.
 */
export class BlobStore implements BlobReader, BlobWriter {
  readonly #directory: string;
  readonly #temporaries: string;
  readonly #open = new Map<Digest, number>();
  readonly #added: Added;
  #lastDigest: Digest | undefined;
  #lastFd = -1;

  constructor(root: string, added: Added = { bytes: 0 }) {
    this.#directory = join(root, "blobs-v1", "sha256");
    this.#temporaries = join(root, "tmp");
    this.#added = added;
  }

  has(digest: Digest): boolean {
    return this.size(digest) !== undefined;
  }

  /** In bytes; `undefined` when the blob is not here. A blob that is here stays while a build runs: it counts as used. */
  size(digest: Digest): number | undefined {
    return usedFile(this.path(digest), this.#aside(digest))?.size;
  }

  /** Where the blob is or would be. Read-only for everyone but this class. */
  path(digest: Digest): string {
    const hex = hexOf(digest);
    return join(this.#directory, hex.slice(0, 2), hex);
  }

  /** @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`. */
  put(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    if (this.has(digest)) return digest;
    writeAtomically(this.#prepared(digest), bytes, this.#temporaries, true);
    this.#added.bytes += bytes.byteLength;
    return digest;
  }

  /** A fresh path on the blobs' filesystem, for `adopt`. */
  temporary(): string {
    return temporaryPath(this.#temporaries);
  }

  /**
   * Makes the file at `temporary` the blob `digest`, which the caller has verified. The file is gone afterwards,
   * also when the blob was there already. Syncs: for a large file, sync it asynchronously before.
   * @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`.
   */
  adopt(temporary: string, digest: Digest): void {
    try {
      if (this.has(digest)) {
        rmSync(temporary, { force: true });
        return;
      }
      const fd = openSync(temporary, "r+");
      try {
        fdatasyncSync(fd);
        this.#added.bytes += fstatSync(fd).size;
      } finally {
        closeSync(fd);
      }
      publish(temporary, this.#prepared(digest));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw storeError(error, this.path(digest));
    }
  }

  /** @throws CambiumError `BLOB_UNKNOWN`; `SIZE_INVALID` when the blob ends before `target` is full. */
  read(digest: Digest, offset: number, target: Uint8Array): void {
    const fd = digest === this.#lastDigest ? this.#lastFd : this.#descriptor(digest);
    let done = 0;
    while (done < target.byteLength) {
      const got = this.#pread(fd, digest, target, done, offset + done);
      if (got === 0) throw shortRead(digest, offset, target.byteLength, done);
      done += got;
    }
  }

  /** The whole blob in chunks of up to 1 MiB. @throws CambiumError `BLOB_UNKNOWN`, `STORE_IO`. */
  async *stream(digest: Digest): AsyncGenerator<Uint8Array> {
    const path = this.path(digest);
    const opened = () => open(path, "r");
    const file = await opened()
      .catch((error) => {
        if (errnoOf(error) === "ENOENT" && isBack(path, this.#aside(digest))) return opened();
        throw error;
      })
      .catch((error) => {
        throw errnoOf(error) === "ENOENT" ? blobUnknown(digest) : storeError(error, path);
      });
    try {
      const { size } = await file.stat();
      let position = 0;
      while (position < size) {
        const chunk = Buffer.allocUnsafeSlow(Math.min(STREAM_CHUNK, size - position));
        const { bytesRead } = await file.read(chunk, 0, chunk.byteLength, position);
        if (bytesRead === 0) throw shortRead(digest, 0, size, position);
        position += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
    } catch (error) {
      throw storeError(error, path);
    } finally {
      await file.close();
    }
  }

  /**
   * Deletes the blob unless it was used since `seenMs`. Whether anyone still needs it is the caller's question (`prune`).
   * @returns whether it is gone.
   */
  remove(digest: Digest, seenMs: number): boolean {
    this.#forget(digest);
    return removeUnlessUsed(this.path(digest), this.#aside(digest), seenMs);
  }

  /** The blob's text if it is a JSON document of up to `maxBytes`. No use: for who looks after the store. */
  document(digest: Digest, maxBytes: number): string | undefined {
    try {
      const fd = openSync(this.path(digest), "r");
      try {
        const first = Buffer.alloc(1);
        if (readSync(fd, first, 0, 1, 0) === 0 || first[0] !== 0x7b || fstatSync(fd).size > maxBytes) return;
        return readFileSync(fd, "utf8");
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw storeError(error, this.path(digest));
    }
  }

  /** All blobs, by digest. Names that are no digest are passed over. */
  *list(): Generator<BlobStat> {
    for (const prefix of namesIn(this.#directory)) {
      const directory = join(this.#directory, prefix);
      for (const name of namesIn(directory)) {
        if (!/^[0-9a-f]{64}$/.test(name) || !name.startsWith(prefix)) continue;
        const stat = statSync(join(directory, name), { throwIfNoEntry: false });
        if (stat === undefined) continue;
        const digest = parseDigest(`sha256:${name}`, directory);
        yield { digest, sizeBytes: stat.size, usedMs: stat.mtimeMs };
      }
    }
  }

  /** Frees the open files; the store can be used again afterwards. */
  close(): void {
    for (const digest of [...this.#open.keys()]) this.#forget(digest);
  }

  #prepared(digest: Digest): string {
    const path = this.path(digest);
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw storeError(error, dirname(path));
    }
    return path;
  }

  /** Least recently used goes first: a Map keeps the order of insertion. */
  #descriptor(digest: Digest): number {
    let fd = this.#open.get(digest);
    if (fd === undefined) {
      fd = this.#openBlob(digest);
      const oldest = this.#open.size >= MAX_OPEN ? this.#open.keys().next().value : undefined;
      if (oldest !== undefined) this.#forget(oldest);
    } else {
      this.#open.delete(digest);
    }
    this.#open.set(digest, fd);
    this.#lastDigest = digest;
    this.#lastFd = fd;
    return fd;
  }

  #openBlob(digest: Digest): number {
    const path = this.path(digest);
    for (let attempt = 0; ; attempt++) {
      try {
        return openSync(path, "r");
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw storeError(error, path);
        if (attempt > 0 || !isBack(path, this.#aside(digest))) throw blobUnknown(digest);
      }
    }
  }

  /** Where a prune moves it in the moment before it goes. */
  #aside(digest: Digest): string {
    return asidePath(this.#temporaries, "blob", hexOf(digest));
  }

  #pread(fd: number, digest: Digest, target: Uint8Array, done: number, position: number): number {
    try {
      return readSync(fd, target, done, target.byteLength - done, position);
    } catch (error) {
      throw storeError(error, this.path(digest));
    }
  }

  #forget(digest: Digest): void {
    const fd = this.#open.get(digest);
    if (fd === undefined) return;
    this.#open.delete(digest);
    if (this.#lastDigest === digest) this.#lastDigest = undefined;
    closeSync(fd);
  }
}

function blobUnknown(digest: Digest): CambiumError {
  return new CambiumError("BLOB_UNKNOWN", `not in the store: ${digest}`, {
    hint: "It was pruned or removed while it was needed: run the build again.",
  });
}

function shortRead(digest: Digest, offset: number, length: number, got: number): CambiumError {
  return new CambiumError("SIZE_INVALID", `${digest}: got ${got} of ${length} bytes at ${offset}`, {
    hint: "The stored file is damaged or the range is wrong. Remove the file and build again.",
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw storeError(error, directory);
  }
}
