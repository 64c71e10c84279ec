import { type FileHandle, open } from "node:fs/promises";
import { CHUNK_BYTES, freeBytes, giveBackChunk, takeChunk } from "../layer/chunks.ts";
import { collectOften } from "../layer/collect-often.ts";
import { type Digest, Hasher } from "../layer/digest.ts";
import { storeError } from "../store/io-error.ts";

/** Syncing as we go lets the disk work while the network does; one sync at the end would only then begin. */
const SYNC_EVERY_BYTES = 64 << 20;

/**
 * A file being written and hashed. One write is under way while the next batch is gathered. Chunks from the network are
 * copied and so can be forgotten at once: held until they were written, those of 8 downloads outlived their memory's
 * reuse, and a build of 3.7 GB came to 770 MB.
 */
export class Spool {
  readonly #file: FileHandle;
  readonly #path: string;
  #hash = new Hasher();
  #batch: Buffer | undefined;
  #batchBytes = 0;
  #written = 0;
  #unsynced = 0;
  #pending: Promise<void> = Promise.resolve();
  #failure: unknown;
  /** Bytes taken so far. */
  size = 0;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** @throws CambiumError as `storeError`. */
  static async create(path: string): Promise<Spool> {
    try {
      return new Spool(await open(path, "wx", 0o644), path);
    } catch (error) {
      throw storeError(error, path);
    }
  }

  /**
   * Takes a copy of a chunk, and frees it where it is all of its memory: chunks of the network are looked at by nobody
   * else, and left to the collector they came to 90 MB. A promise is returned only when the caller must wait before the next one.
   */
  add(chunk: Uint8Array): Promise<void> | undefined {
    this.#hash.update(chunk);
    this.size += chunk.byteLength;
    collectOften(chunk.byteLength);
    if (this.#batchBytes + chunk.byteLength >= CHUNK_BYTES) return this.#fill(chunk);
    this.#gather(chunk);
    freeBytes(chunk);
    return undefined;
  }

  /** All bytes are written and synced; the spool is closed. @throws CambiumError `DISK_FULL` and the like. */
  async finish(): Promise<Digest> {
    await this.#flush();
    await this.#settled();
    try {
      await this.#file.datasync();
      await this.#file.close();
    } catch (error) {
      throw storeError(error, this.#path);
    }
    this.#giveBack();
    return this.#hash.digest();
  }

  /** Begins anew with an empty file. */
  async restart(): Promise<void> {
    this.#batchBytes = 0;
    await this.#settled();
    await this.#file.truncate(0);
    this.#hash = new Hasher();
    this.#written = 0;
    this.#unsynced = 0;
    this.size = 0;
  }

  /** Closes the file whatever its state; deleting it is the caller's. */
  async abandon(): Promise<void> {
    await this.#pending;
    this.#giveBack();
    await this.#file.close();
  }

  #gather(bytes: Uint8Array): void {
    this.#batch ??= takeChunk();
    this.#batch.set(bytes, this.#batchBytes);
    this.#batchBytes += bytes.byteLength;
  }

  async #fill(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.byteLength; ) {
      const part = chunk.subarray(done, done + CHUNK_BYTES - this.#batchBytes);
      this.#gather(part);
      done += part.byteLength;
      if (this.#batchBytes === CHUNK_BYTES) await this.#flush();
    }
  }

  #giveBack(): void {
    if (this.#batch !== undefined) giveBackChunk(this.#batch);
    this.#batch = undefined;
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    const bytes = this.#batchBytes;
    this.#batch = undefined;
    this.#batchBytes = 0;
    try {
      await this.#settled();
    } catch (error) {
      if (batch !== undefined) giveBackChunk(batch);
      throw error;
    }
    if (batch !== undefined) this.#pending = this.#write(batch, bytes);
  }

  async #write(batch: Buffer, bytes: number): Promise<void> {
    try {
      // A short write happens on a nearly full disk; the rest then tells why.
      for (let done = 0; done < bytes; ) {
        done += (await this.#file.write(batch, done, bytes - done, this.#written + done)).bytesWritten;
      }
      this.#written += bytes;
      this.#unsynced += bytes;
      if (this.#unsynced >= SYNC_EVERY_BYTES) {
        this.#unsynced = 0;
        await this.#file.datasync();
      }
    } catch (error) {
      this.#failure = storeError(error, this.#path);
    } finally {
      giveBackChunk(batch);
    }
  }

  async #settled(): Promise<void> {
    await this.#pending;
    if (this.#failure !== undefined) throw this.#failure;
  }
}
