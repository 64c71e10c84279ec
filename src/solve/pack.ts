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

/** The pinned compressor somewhere else: `deflatePinned` of each. `parallel` calls run at a time. */
export type Deflater = {
  readonly deflate: (contents: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;
  readonly parallel: number;
};

/** A content up to this size is kept until it is deflated elsewhere; a larger one is deflated here, as it comes. */
const MOST_KEPT_BYTES = 4 << 20;
/** Small contents go together: a visit to another thread takes longer than deflating 4 KB. */
const GATHERED_BYTES = 1 << 20;

/** A content that waits to be deflated elsewhere. */
type Kept = { readonly digest: Digest; readonly bytes: Uint8Array; readonly crc32: number };

/** One content on its way into a pack; the next one begins when this is at its end. */
export type PackedFile = {
  /** The bytes are not kept: the caller may use their memory again. */
  write(bytes: Uint8Array): Promise<void>;
  /** Of what was written; the pack knows its place by it. */
  end(): Promise<Digest>;
};

/**
 * One blob of deflated contents, written in the order in which they come: a file of any size takes a few MB of memory.
 * Its bytes are the same with and without a `Deflater`.
 */
export class Pack {
  readonly #places = new Map<Digest, Place>();
  readonly #deflater: Deflater | undefined;
  readonly #blobs: BlobStore;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  #length = 0;
  /** Gathered for the next write: one for each small file takes longer than to deflate it. */
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  /** Contents that are deflated elsewhere, or will be. */
  readonly #keptDigests = new Set<Digest>();
  #kept: Kept[] = [];
  #keptBytes = 0;
  /** In order; each ends when its contents are written. */
  #last: Promise<void> = Promise.resolve();
  readonly #underWay: Promise<void>[] = [];

  private constructor(blobs: BlobStore, path: string, file: FileHandle, deflater: Deflater | undefined) {
    this.#blobs = blobs;
    this.#path = path;
    this.#file = file;
    this.#deflater = deflater;
  }

  static async create(blobs: BlobStore, deflater?: Deflater): Promise<Pack> {
    const path = blobs.temporary();
    return new Pack(blobs, path, await open(path, "w"), deflater);
  }

  open(): PackedFile {
    const content = new Hasher();
    /** What came so far, if it is to be deflated elsewhere. */
    let pieces: Uint8Array[] | undefined = this.#deflater === undefined ? undefined : [];
    let deflate: PinnedDeflate | undefined;
    let offset = 0;
    let crc = 0;
    let size = 0;
    // Sources may be cut finely: hashing and deflating have a price per call.
    const chunk = takeChunk();
    let used = 0;
    const deflateHere = async (piece: Uint8Array) => {
      if (deflate === undefined) {
        await this.#settled();
        deflate = new PinnedDeflate();
        offset = this.#length;
      }
      await this.#write(deflate.push(piece));
    };
    const flush = async () => {
      const piece = chunk.subarray(0, used);
      content.update(piece);
      crc = crc32(piece, crc);
      size += used;
      used = 0;
      if (pieces !== undefined && size <= MOST_KEPT_BYTES) {
        pieces.push(Buffer.from(piece));
        return;
      }
      for (const earlier of pieces ?? []) await deflateHere(earlier);
      pieces = undefined;
      await deflateHere(piece);
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
        if (pieces !== undefined) {
          await this.#keep({
            digest,
            bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
            crc32: crc,
          });
          return digest;
        }
        await this.#write(deflate!.finish());
        if (!this.#places.has(digest)) {
          this.#places.set(digest, { offset, length: this.#length - offset, crc32: crc });
        }
        return digest;
      },
    };
  }

  /** Gives up what was written. */
  async discard(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#file.close();
    rmSync(this.#path, { force: true });
  }

  /** Puts the pack into the store. @returns where each content is; none when nothing was written. */
  async finish(): Promise<ReadonlyMap<Digest, Payload>> {
    try {
      await this.#settled();
    } catch (error) {
      await this.discard();
      throw error;
    }
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

  async #keep(kept: Kept): Promise<void> {
    if (this.#keptDigests.has(kept.digest) || this.#places.has(kept.digest)) return;
    this.#keptDigests.add(kept.digest);
    this.#kept.push(kept);
    this.#keptBytes += kept.bytes.length;
    if (this.#keptBytes < GATHERED_BYTES) return;
    this.#sendKept();
    if (this.#underWay.length > this.#deflater!.parallel) await this.#underWay.shift();
  }

  #sendKept(): void {
    const kept = this.#kept;
    if (kept.length === 0) return;
    this.#kept = [];
    this.#keptBytes = 0;
    const deflated = this.#deflater!.deflate(kept.map(({ bytes }) => bytes));
    // A failure is met where it is waited for, in order.
    deflated.catch(() => undefined);
    const before = this.#last;
    this.#last = (async () => {
      await before;
      const parts = await deflated;
      for (const [at, { digest, crc32 }] of kept.entries()) {
        const part = parts[at]!;
        this.#places.set(digest, { offset: this.#length, length: part.length, crc32 });
        await this.#write(part);
      }
    })();
    this.#last.catch(() => undefined);
    this.#underWay.push(this.#last);
  }

  /** When all that was sent elsewhere is written. */
  async #settled(): Promise<void> {
    this.#sendKept();
    await this.#last;
    this.#underWay.length = 0;
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
