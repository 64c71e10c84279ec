import { CambiumError } from "../errors.ts";
import { createGate } from "../fetch/gate.ts";
import { type BlobSource, type ImageSet, rootOf } from "../image/image.ts";
import type { Blob } from "../image/manifest.ts";
import { formatReference, type Reference, withDefaultTag } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import type { RegistryAccess } from "./access.ts";
import { openRepository, type Repository } from "./repository.ts";

export type PushResult = {
  readonly digest: Digest;
  /** Bytes of blobs and documents that went over the wire. */
  readonly sentBytes: number;
  readonly uploadedLayers: number;
};

/** As many uploads at once as docker makes of downloads; layers may be computed while they are sent. */
const CONCURRENCY = 4;

/**
 * Pushes to the repository of `reference` what it lacks: layers and configs, then manifests, then the index; the tag
 * points to the new root last, so a reader never sees half an image. If the root is there already, only the tag moves.
 * @throws CambiumError `REFERENCE_SYNTAX` for a digest that is not the image's, and as `Repository`.
 */
export async function pushImage(
  set: ImageSet,
  reference: Reference,
  access: RegistryAccess,
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
  const { emit } = access;
  const name = formatReference(target);
  const id = `push ${name}`;
  emit({ type: "step-started", id, name: id });
  const push = new Push(openRepository(target, access, "push"));
  try {
    await push.run(set, root, target.tag);
  } catch (error) {
    emit({ type: "step-done", id, outcome: "failed" });
    throw error;
  }
  emit({ type: "step-done", id, outcome: push.sentBytes === 0 ? "hit" : "done" });
  emit({ type: "output", kind: "registry", where: name, digest });
  return { digest, sentBytes: push.sentBytes, uploadedLayers: push.uploadedLayers };
}

class Push {
  readonly #repository: Repository;
  sentBytes = 0;
  uploadedLayers = 0;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  async run(set: ImageSet, root: Blob, tag: string | undefined): Promise<void> {
    const { digest } = root.descriptor;
    if (tag !== undefined && (await this.#hasManifest(tag, digest))) return;
    const [isThere, missing] = await Promise.all([this.#hasManifest(digest, digest), this.#missing(set)]);
    if (!isThere) {
      await this.#sendBlobs(missing);
      for (const { manifest } of set.images) {
        if (set.index !== undefined) await this.#putManifest(manifest, manifest.descriptor.digest);
      }
      if (tag === undefined) await this.#putManifest(root, digest);
    }
    if (tag !== undefined) await this.#putManifest(root, tag);
  }

  async #missing(set: ImageSet): Promise<Upload[]> {
    const blobs = blobsOf(set);
    const there = await Promise.all(
      blobs.map(({ descriptor }) => this.#repository.hasBlob(descriptor.digest)),
    );
    return blobs.filter((_, i) => there[i] === false);
  }

  /** The first failure keeps further uploads from beginning; those that run end before the error is out. */
  async #sendBlobs(blobs: readonly Upload[]): Promise<void> {
    const gate = createGate(CONCURRENCY);
    let failure: { readonly error: unknown } | undefined;
    const uploads = blobs.map((blob) =>
      gate(async () => {
        if (failure === undefined) await this.#send(blob);
      }).catch((error: unknown) => {
        failure ??= { error };
      }),
    );
    await Promise.all(uploads);
    if (failure !== undefined) throw failure.error;
  }

  async #send(blob: Upload): Promise<void> {
    if ((await this.#repository.sendBlob(blob)) !== "sent") return;
    this.sentBytes += blob.descriptor.size;
    if (blob.isLayer) this.uploadedLayers += 1;
  }

  async #hasManifest(reference: string, digest: Digest): Promise<boolean> {
    return (await this.#repository.manifestDigest(reference)) === digest;
  }

  async #putManifest(manifest: Blob, reference: string): Promise<void> {
    await this.#repository.putManifest(manifest, reference);
    this.sentBytes += manifest.bytes.byteLength;
  }
}

type Upload = BlobSource & { readonly isLayer: boolean };

/** Layers, large ones first so that the last upload is a short one, then configs; each digest once. */
function blobsOf(set: ImageSet): Upload[] {
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
