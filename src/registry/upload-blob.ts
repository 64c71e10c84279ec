import { CambiumError } from "../errors.ts";
import { withRetries } from "../fetch/retry.ts";
import type { BlobSource } from "../image/image.ts";
import { verified } from "../image/verified.ts";
import type { Digest } from "../layer/digest.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { RepositoryClient } from "./repository-client.ts";
import {
  BodyTooLarge,
  beginUpload,
  finishUpload,
  sendChunk,
  type UploadSession,
  uploadStatus,
} from "./upload-session.ts";

/** `present`: it was there; `mounted`: another repository had it; `sent`: its bytes went over the wire. */
export type UploadOutcome = "present" | "mounted" | "sent";

/** A proxy that takes less than this in one body is of no use. */
const LEAST_CHUNK_BYTES = 2 ** 20;
/** Progress events per upload: one per this many bytes. */
const PROGRESS_BYTES = 2 ** 20;

/** Whether the repository has the blob. @throws as `RepositoryClient`. */
export async function hasBlob(client: RepositoryClient, digest: Digest): Promise<boolean> {
  const request = { method: "HEAD" as const, url: `blobs/${digest}`, what: `blob ${digest}` };
  const answer = await client.request(request, [200, 404]);
  await answer.discard();
  if (answer.status !== 200) return false;
  const { registry, repository } = client.endpoint;
  client.access.blobHomes.note(registry, repository, digest);
  return true;
}

/**
 * Brings a blob to a repository that may lack it. In one body where that goes; what breaks off or is refused for its
 * size goes on in chunks from where the registry has it. `blob.bytes` is called again for each attempt, and the blob
 * exists only once registry and we have both seen its digest.
 * @throws CambiumError `DIGEST_INVALID`, `SIZE_INVALID`, `BLOB_UPLOAD_INVALID`, `BLOB_UPLOAD_UNKNOWN`, and as
 *   `RepositoryClient`; what `blob.bytes` throws.
 */
export async function uploadBlob(
  client: RepositoryClient,
  blob: BlobSource,
  { isMissing = false }: { readonly isMissing?: boolean } = {},
): Promise<UploadOutcome> {
  const { uploads } = client.access;
  const key = `${client.name}@${blob.descriptor.digest}`;
  let isStillMissing = isMissing;
  // Somebody else of this session may be at it; if that fails, with an error of its own, this one tries.
  for (let other = uploads.get(key); other !== undefined; other = uploads.get(key)) {
    await other.catch(() => undefined);
    isStillMissing = false;
  }
  const running = isStillMissing ? upload(client, blob) : uploadIfMissing(client, blob);
  uploads.set(key, running);
  return running.finally(() => uploads.delete(key));
}

async function uploadIfMissing(client: RepositoryClient, blob: BlobSource): Promise<UploadOutcome> {
  return (await hasBlob(client, blob.descriptor.digest)) ? "present" : upload(client, blob);
}

async function upload(client: RepositoryClient, blob: BlobSource): Promise<UploadOutcome> {
  const { digest, size } = blob.descriptor;
  const { registry, repository } = client.endpoint;
  const { blobHomes, emit, signal, retryPolicy } = client.access;
  emit({ type: "upload-started", id: digest, name: digest, sizeBytes: size });
  const attempts = new Upload(client, blob, blobHomes.elsewhere(registry, repository, digest));
  const tell = (reason: string, waitMs: number) =>
    emit({ type: "upload-retry", id: digest, name: `${client.name}: blob ${digest}`, reason, waitMs });
  const outcome = await withRetries(
    retryPolicy,
    { signal, tell },
    (number) => attempts.attempt(number > 0),
    () => attempts.offset,
  );
  emit({ type: "upload-done", id: digest, sentBytes: outcome === "sent" ? size : 0 });
  blobHomes.note(registry, repository, digest);
  return outcome;
}

class Upload {
  readonly #client: RepositoryClient;
  readonly #blob: BlobSource;
  #mountFrom: string | undefined;
  #session: UploadSession | undefined;
  /** Undefined: the whole in one body. */
  #chunkBytes: number | undefined;
  #reported = 0;

  constructor(client: RepositoryClient, blob: BlobSource, mountFrom: string | undefined) {
    this.#client = client;
    this.#blob = blob;
    this.#mountFrom = mountFrom;
  }

  /** What the registry is known to have. */
  get offset(): number {
    return this.#session?.offset ?? 0;
  }

  async attempt(isAgain: boolean): Promise<UploadOutcome> {
    const { digest } = this.#blob.descriptor;
    if (isAgain) {
      // The answer may have been lost, and not the bytes.
      if (await hasBlob(this.#client, digest)) return "sent";
      await this.#find();
      const { chunkBytes } = this.#client.access;
      // One chunk would be the whole again, and registries know whole bodies best.
      if (this.offset > 0 || this.#blob.descriptor.size > chunkBytes) this.#chunkBytes ??= chunkBytes;
    }
    if (this.#session === undefined) {
      const started = await this.#begin();
      if (started === "mounted") return started;
      this.#session = started;
    }
    try {
      await this.#send(this.#session);
      return "sent";
    } catch (error) {
      if (error instanceof BodyTooLarge) this.#shrink(error);
      throw error;
    }
  }

  async #begin(): Promise<UploadSession | "mounted"> {
    const from = this.#mountFrom;
    const { digest } = this.#blob.descriptor;
    // One try: a registry that refuses a mount takes the bytes.
    this.#mountFrom = undefined;
    if (from !== undefined) {
      try {
        return await beginUpload(this.#client, digest, from);
      } catch (error) {
        if (!(error instanceof CambiumError)) throw error;
      }
    }
    return beginUpload(this.#client, digest, undefined);
  }

  /** Where the broken session stands; without one the next begins at 0. */
  async #find(): Promise<void> {
    if (this.#session === undefined) return;
    const { digest, size } = this.#blob.descriptor;
    const found = await uploadStatus(this.#client, digest, this.#session);
    this.#session = found !== undefined && found.offset <= size ? found : undefined;
  }

  async #send(start: UploadSession): Promise<void> {
    const { digest, size } = this.#blob.descriptor;
    const client = this.#client;
    const source = verified(this.#blob.bytes(), this.#blob.descriptor, digest);
    const reader = new ChunkReader(source, size, (sentBytes) => this.#report(sentBytes));
    let session = start;
    try {
      if (this.#chunkBytes === undefined) {
        await finishUpload(client, digest, session, size, () => reader.take(size));
        return;
      }
      await reader.skip(session.offset);
      const chunkBytes = Math.max(this.#chunkBytes, session.minChunkBytes);
      while (session.offset < size) {
        const length = Math.min(chunkBytes, size - session.offset);
        session = await sendChunk(client, digest, session, length, () => reader.take(length));
        this.#session = session;
      }
      await finishUpload(client, digest, session, 0, () => reader.take(0));
    } finally {
      await reader.close();
    }
  }

  #shrink(error: BodyTooLarge): void {
    const { size } = this.#blob.descriptor;
    const tried = Math.min(this.#chunkBytes ?? size, size);
    if (tried <= LEAST_CHUNK_BYTES) throw error.verdict.error;
    const limit = this.#client.access.chunkBytes;
    this.#chunkBytes = Math.max(LEAST_CHUNK_BYTES, Math.min(limit, Math.floor(tried / 4)));
  }

  #report(sentBytes: number): void {
    if (sentBytes - this.#reported < PROGRESS_BYTES) return;
    this.#reported = sentBytes;
    this.#client.access.emit({ type: "upload-progress", id: this.#blob.descriptor.digest, sentBytes });
  }
}
