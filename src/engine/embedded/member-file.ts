import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { deflatePinned } from "../../layer/deflate.ts";
import { type Digest, Hasher } from "../../layer/digest.ts";
import { memberHeader, memberTrailer } from "../../layer/gzip.ts";
import { storeError } from "../../store/io-error.ts";

/** Raw deflate by the pinned compressor, here or in a worker. */
export type Compress = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Bytes of each gzip member before compression, whatever the machine: part of what decides the digest. */
const MEMBER_BYTES = 1 << 20;
/** Blocks that wait for a compressor: without any, each of them waits for the next block to be read. */
const AHEAD = 2;

/**
 * Writes bytes as a gzip file of members of 1 MiB, several of which are compressed at a time.
 * @throws CambiumError `DISK_FULL`, `STORE_…` from any of its functions.
 */
export class MemberFile {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #compress: Compress;
  readonly #parallel: number;
  readonly #hasher = new Hasher();
  /** Blocks that nobody reads any more; see `sharedBlock`. */
  readonly #free: Uint8Array[] = [];
  #block = sharedBlock();
  #used = 0;
  #sizeBytes = 0;
  /** In order; each ends when its member is written. */
  #last: Promise<void> = Promise.resolve();
  #waiting: Promise<unknown>[] = [];

  private constructor(file: FileHandle, path: string, compress: Compress, parallel: number) {
    this.#file = file;
    this.#path = path;
    this.#compress = compress;
    this.#parallel = parallel;
  }

  static async create(path: string, compress: Compress = deflatePinned, parallel = 1): Promise<MemberFile> {
    try {
      return new MemberFile(await open(path, "wx"), path, compress, parallel);
    } catch (error) {
      throw storeError(error, path);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = Math.min(bytes.length - at, MEMBER_BYTES - this.#used);
      this.#block.set(bytes.subarray(at, at + part), this.#used);
      this.#used += part;
      at += part;
      if (this.#used === MEMBER_BYTES) await this.#flush();
    }
  }

  /** Syncs and closes. */
  async finish(): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    if (this.#used > 0) await this.#flush();
    await this.#last;
    try {
      await this.#file.datasync();
      await this.#file.close();
    } catch (error) {
      throw storeError(error, this.#path);
    }
    return { digest: this.#hasher.digest(), sizeBytes: this.#sizeBytes };
  }

  async abandon(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#file.close().catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const block = this.#block.subarray(0, this.#used);
    const used = this.#block;
    this.#block = this.#free.pop() ?? sharedBlock();
    this.#used = 0;
    const deflated = Promise.resolve(this.#compress(block));
    const trailer = memberTrailer(crc32(block), block.length);
    const before = this.#last;
    this.#last = (async () => {
      const body = await deflated;
      this.#free.push(used);
      await before;
      await this.#append(Buffer.concat([memberHeader(), body, trailer]));
    })();
    // Whoever awaits hears of a failure; nobody may be waiting yet.
    this.#last.catch(() => undefined);
    this.#waiting.push(this.#last);
    if (this.#waiting.length >= this.#parallel + AHEAD) await this.#waiting.shift();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#hasher.update(bytes);
    this.#sizeBytes += bytes.length;
    try {
      await this.#file.appendFile(bytes);
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}

/** Of memory that threads share: what is compressed elsewhere goes there without being copied. */
function sharedBlock(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(MEMBER_BYTES));
}
