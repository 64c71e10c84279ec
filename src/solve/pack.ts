import { createHash, type Hash } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { CHUNK_BYTES, giveBackChunk, takeChunk } from "../layer/chunks.ts";
import { PinnedDeflate } from "../layer/deflate.ts";
import { type Digest, Hasher, parseDigest } from "../layer/digest.ts";
import type { Payload } from "../layer/segment.ts";
import type { BlobStore } from "../store/blobs.ts";

type Place = Omit<Payload, "blob">;

/** One content on its way into a pack; the next one begins when this is at its end. */
export type PackedFile = {
  /** The bytes are not kept: the caller may use their memory again. */
  write(bytes: Uint8Array): Promise<void>;
  /** Of what was written; the pack knows its place by it. */
  end(): Promise<Digest>;
};

/** One blob of deflated contents, written as they come: a file of any size takes a few MB of memory. */
export class Pack {
  readonly #places = new Map<Digest, Place>();
  readonly #blobs: BlobStore;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  #length = 0;
  /** Gathered for the next write: one for each small file takes longer than to deflate it. */
  #batch: Uint8Array[] = [];
  #batchBytes = 0;

  private constructor(blobs: BlobStore, path: string, file: FileHandle) {
    this.#blobs = blobs;
    this.#path = path;
    this.#file = file;
  }

  static async create(blobs: BlobStore): Promise<Pack> {
    const path = blobs.temporary();
    return new Pack(blobs, path, await open(path, "w"));
  }

  open(): PackedFile {
    const content = new Hasher();
    const deflate = new PinnedDeflate();
    const offset = this.#length;
    let crc = 0;
    let size = 0;
    // Pieces of one size, so that the deflate stream does not depend on how a source happens to be cut.
    const chunk = takeChunk();
    let used = 0;
    const flush = async () => {
      const piece = chunk.subarray(0, used);
      content.update(piece);
      crc = crc32(piece, crc);
      for (const part of deflate.push(piece)) await this.#write(part);
      size += used;
      used = 0;
    };
    return {
      write: async (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          const part = bytes.subarray(done, done + CHUNK_BYTES - used);
          chunk.set(part, used);
          used += part.length;
          done += part.length;
          if (used === CHUNK_BYTES) await flush();
        }
      },
      end: async () => {
        if (used > 0) await flush();
        giveBackChunk(chunk);
        const digest = content.digest();
        // An empty file has no payload.
        if (size === 0) return digest;
        for (const part of deflate.finish()) await this.#write(part);
        if (!this.#places.has(digest)) {
          this.#places.set(digest, { offset, length: this.#length - offset, crc32: crc });
        }
        return digest;
      },
    };
  }

  /** Gives up what was written. */
  async discard(): Promise<void> {
    await this.#file.close();
    rmSync(this.#path, { force: true });
  }

  /** Puts the pack into the store. @returns where each content is; none when nothing was written. */
  async finish(): Promise<ReadonlyMap<Digest, Payload>> {
    if (this.#length === 0) {
      await this.discard();
      return new Map();
    }
    await this.#flush();
    await this.#file.datasync();
    await this.#file.close();
    const blob = parseDigest(`sha256:${this.#hash.digest("hex")}`, this.#path);
    this.#blobs.adopt(this.#path, blob);
    return new Map([...this.#places].map(([digest, place]) => [digest, { blob, ...place }]));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#length += bytes.length;
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes >= CHUNK_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length > 0) await this.#file.writeFile(Buffer.concat(batch));
  }
}
