import { CambiumError } from "../errors.ts";
import type { Emit } from "../events.ts";
import { type BlobSource, type ImageSet, rootOf } from "../image/image.ts";
import type { Blob } from "../image/manifest.ts";
import { ACCEPTED_MANIFESTS } from "../image/media-types.ts";
import { formatReference, type Reference, withDefaultTag } from "../image/reference.ts";
import { verified } from "../image/verified.ts";
import type { Digest } from "../layer/digest.ts";
import { type ClientOptions, RegistryClient, type RegistryRequest, type RegistryResponse } from "./client.ts";

export type PushResult = {
  readonly digest: Digest;
  /** Bytes of blobs and documents that went over the wire. */
  readonly sentBytes: number;
  readonly uploadedLayers: number;
};

/** As many uploads at once as docker makes of downloads; layers may be computed while they are sent. */
const CONCURRENCY = 4;
/** Progress events per upload: one per this many bytes. */
const PROGRESS_BYTES = 1 << 20;

/**
 * Pushes to the repository of `reference` what it lacks: layers and configs, then manifests, then the index; the tag
 * points to the new root last, so a reader never sees half an image. If the root is there already, only the tag moves.
 * @throws CambiumError `REGISTRY_UNREACHABLE`, `UNAUTHORIZED`, `DENIED`, `REFERENCE_SYNTAX` for a digest that is not the
 *   image's, distribution-spec's codes for what the registry refuses, `DIGEST_INVALID`, `SIZE_INVALID`.
 */
export async function pushImage(
  set: ImageSet,
  reference: Reference,
  options: ClientOptions,
  emit: Emit,
): Promise<PushResult> {
  const target = withDefaultTag(reference);
  const root = rootOf(set);
  const { digest } = root.descriptor;
  if (target.digest !== undefined && target.digest !== digest) {
    throw new CambiumError("REFERENCE_SYNTAX", `cannot push ${digest} as ${target.digest}`, {
      hint: "Push to a tag: name:tag.",
      exitCode: 2,
    });
  }
  const name = formatReference(target);
  const id = `push ${name}`;
  emit({ type: "step-started", id, name: id });
  const client = new RegistryClient(target.registry, options);
  const push = new Push(client, target.repository, emit);
  try {
    await push.run(set, root, target.tag);
  } catch (error) {
    emit({ type: "step-done", id, outcome: "failed" });
    throw error;
  } finally {
    await client.close();
  }
  emit({ type: "step-done", id, outcome: push.sentBytes === 0 ? "hit" : "done" });
  emit({ type: "output", kind: "registry", where: name, digest });
  return { digest, sentBytes: push.sentBytes, uploadedLayers: push.uploadedLayers };
}

class Push {
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #emit: Emit;
  sentBytes = 0;
  uploadedLayers = 0;

  constructor(client: RegistryClient, repository: string, emit: Emit) {
    this.#client = client;
    this.#repository = repository;
    this.#emit = emit;
  }

  async run(set: ImageSet, root: Blob, tag: string | undefined): Promise<void> {
    const { digest } = root.descriptor;
    if (tag !== undefined && (await this.#hasManifest(tag, digest))) return;
    if (!(await this.#hasManifest(digest, digest))) {
      await this.#uploadBlobs(set);
      for (const { manifest } of set.images) {
        if (set.index !== undefined) await this.#putManifest(manifest, manifest.descriptor.digest);
      }
      if (tag === undefined) await this.#putManifest(root, digest);
    }
    if (tag !== undefined) await this.#putManifest(root, tag);
  }

  async #uploadBlobs(set: ImageSet): Promise<void> {
    const queue = blobsToSend(set);
    const work = async () => {
      for (let blob = queue.shift(); blob !== undefined; blob = queue.shift())
        await this.#uploadIfMissing(blob);
    };
    const tasks = Array.from({ length: CONCURRENCY }, work);
    // The first failure ends the queue, and the others end before the error is out.
    for (const task of tasks) task.catch(() => queue.splice(0));
    for (const result of await Promise.allSettled(tasks))
      if (result.status === "rejected") throw result.reason;
  }

  async #uploadIfMissing(blob: Upload): Promise<void> {
    const { digest, size } = blob.descriptor;
    const head: RegistryRequest = { method: "HEAD", url: this.#url(`blobs/${digest}`) };
    const found = await this.#client.send(head);
    // A redirect leads to where the blob is kept.
    if (found.status === 200 || found.status === 302 || found.status === 307) return;
    if (found.status !== 404) throw this.#client.statusError(head, found);
    this.#emit({ type: "upload-started", id: digest, name: digest, sizeBytes: size });
    let put = head;
    // A session that broke is not continued but begun anew: monolithic uploads cannot resume (distribution-spec).
    const done = await this.#client.retrying(async () => {
      const started = await this.#startUpload();
      if (typeof started !== "string") return started;
      put = {
        method: "PUT",
        url: withDigest(started, digest),
        headers: { "content-type": "application/octet-stream", "content-length": String(size) },
        body: this.#withProgress(verified(blob.bytes(), blob.descriptor, digest), digest),
      };
      return await this.#client.sendOnce(put);
    });
    if (done.status !== 201) throw this.#client.statusError(put, done);
    this.sentBytes += size;
    if (blob.isLayer) this.uploadedLayers += 1;
    this.#emit({ type: "upload-done", id: digest, sentBytes: size });
  }

  /** Where to send the bytes, or an answer that is worth another attempt. */
  async #startUpload(): Promise<string | RegistryResponse> {
    const headers = { "content-length": "0" };
    const post: RegistryRequest = { method: "POST", url: this.#url("blobs/uploads/"), headers };
    const started = await this.#client.sendOnce(post);
    const { location } = started.headers;
    if (started.status === 202 && typeof location === "string") return location;
    if (started.status === 429 || started.status >= 500) return started;
    throw this.#client.statusError(post, started);
  }

  async *#withProgress(source: AsyncIterable<Uint8Array>, id: string): AsyncGenerator<Uint8Array> {
    let sentBytes = 0;
    let reported = 0;
    for await (const chunk of source) {
      yield chunk;
      sentBytes += chunk.byteLength;
      if (sentBytes - reported < PROGRESS_BYTES) continue;
      reported = sentBytes;
      this.#emit({ type: "upload-progress", id, sentBytes });
    }
  }

  async #hasManifest(reference: string, digest: Digest): Promise<boolean> {
    const accept = ACCEPTED_MANIFESTS.join(", ");
    const head: RegistryRequest = {
      method: "HEAD",
      url: this.#url(`manifests/${reference}`),
      headers: { accept },
    };
    const found = await this.#client.send(head);
    if (found.status === 404) return false;
    if (found.status !== 200) throw this.#client.statusError(head, found);
    return found.headers["docker-content-digest"] === digest;
  }

  async #putManifest({ bytes, descriptor }: Blob, reference: string): Promise<void> {
    const put: RegistryRequest = {
      method: "PUT",
      url: this.#url(`manifests/${reference}`),
      headers: { "content-type": descriptor.mediaType },
      body: bytes,
    };
    const done = await this.#client.send(put);
    if (done.status !== 201) throw this.#client.statusError(put, done);
    this.sentBytes += bytes.byteLength;
    this.#assertStored(done, descriptor.digest);
  }

  /** A registry that stored other bytes would make the tag's digest a lie. */
  #assertStored(response: RegistryResponse, digest: Digest): void {
    const stored = response.headers["docker-content-digest"];
    if (stored === undefined || stored === digest) return;
    throw new CambiumError(
      "DIGEST_INVALID",
      `${this.#client.registry}: stored ${String(stored)} for ${digest}`,
      {
        hint: "The registry, or a proxy before it, changes manifests; push to it directly.",
      },
    );
  }

  #url(path: string): string {
    return `/v2/${this.#repository}/${path}`;
  }
}

type Upload = BlobSource & { readonly isLayer: boolean };

/** Layers, large ones first so that the last upload is a short one, then configs; each digest once. */
function blobsToSend(set: ImageSet): Upload[] {
  const found = new Map<string, Upload>();
  for (const { layers } of set.images) {
    for (const layer of layers) {
      const { descriptor } = layer;
      found.set(descriptor.digest, { descriptor, bytes: () => layer.compressed(), isLayer: true });
    }
  }
  const uploads = [...found.values()].sort((a, b) => b.descriptor.size - a.descriptor.size);
  const configs = new Map(set.images.map(({ config }) => [config.descriptor.digest, config]));
  for (const { descriptor, bytes } of configs.values()) {
    uploads.push({ descriptor, bytes: () => once(bytes), isLayer: false });
  }
  return uploads;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function withDigest(location: string, digest: Digest): string {
  return `${location}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
}
