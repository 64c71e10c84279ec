import type { z } from "zod";
import { messageOf } from "../errors.ts";
import type { Digest } from "../layer/digest.ts";
import {
  type ConfigDocument,
  configSchema,
  describeIssues,
  indexSchema,
  type ManifestDocument,
  manifestSchema,
} from "./documents.ts";
import { isIndexType, isManifestType, layerCompression } from "./media-types.ts";
import type { ImageSource, StatedBlob } from "./source.ts";
import { checkBlob, checkLayer, type LayerFacts } from "./validate-layer.ts";
import { LayerStack } from "./validate-stack.ts";

/** A check that failed: `where` names the document or layer; the message has what was found and what was expected. */
export type ValidationProblem = { readonly code: string; readonly where: string; readonly message: string };

export type ValidationReport = {
  readonly source: string;
  readonly digest: Digest;
  readonly checked: {
    readonly manifests: number;
    readonly layers: number;
    readonly entries: number;
    readonly bytes: number;
  };
  /** Empty: valid. */
  readonly problems: readonly ValidationProblem[];
};

/** A manifest or config beyond this is not read: registries refuse manifests above 4 MiB. */
const MAX_DOCUMENT_BYTES = 4 * 2 ** 20;
const MAX_INDEX_DEPTH = 4;

/**
 * Recomputes all that an image says of itself: every digest, size and diff id, the schemas of its documents, that
 * config and manifest agree, that no layer has a path twice, and how layers lie on each other. Finds all problems, not
 * the first only; a blob that several images share is read once. Memory: the paths of one image.
 */
export async function validateImage(
  source: ImageSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ValidationReport> {
  const validation = new Validation(source, options.signal);
  await validation.checkRoot();
  return {
    source: source.where,
    digest: source.root.digest,
    checked: { ...validation.checked },
    problems: validation.problems,
  };
}

class Validation {
  readonly #source: ImageSource;
  readonly #signal: AbortSignal | undefined;
  readonly #layers = new Map<string, LayerFacts>();
  readonly problems: ValidationProblem[] = [];
  readonly checked = { manifests: 0, layers: 0, entries: 0, bytes: 0 };

  constructor(source: ImageSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  async checkRoot(): Promise<void> {
    await this.#checkDocument(this.#source.root, "image", undefined, 0);
  }

  async #checkDocument(
    descriptor: StatedBlob,
    where: string,
    platform: { os: string; architecture: string } | undefined,
    depth: number,
  ): Promise<void> {
    const { mediaType, digest } = descriptor;
    if (isManifestType(mediaType)) {
      const manifest = await this.#document(descriptor, `manifest ${digest}`, manifestSchema);
      this.checked.manifests += 1;
      if (manifest !== undefined) await this.#checkManifest(manifest, `manifest ${digest}`, platform);
    } else if (isIndexType(mediaType)) {
      if (depth >= MAX_INDEX_DEPTH) {
        this.#report("INDEX_DEPTH", where, `an index inside ${depth} others`);
        return;
      }
      const index = await this.#document(descriptor, `index ${digest}`, indexSchema);
      for (const row of index?.manifests ?? []) {
        await this.#checkDocument(row, `index ${digest}`, row.platform, depth + 1);
      }
    } else {
      this.#report(
        "MEDIA_TYPE_UNKNOWN",
        where,
        `neither a manifest nor an index: ${JSON.stringify(mediaType)}`,
      );
    }
  }

  async #checkManifest(
    manifest: ManifestDocument,
    where: string,
    platform: { os: string; architecture: string } | undefined,
  ): Promise<void> {
    const isImage = manifest.layers.every((layer) => layerCompression(layer.mediaType) !== undefined);
    if (!isImage && (manifest.artifactType !== undefined || platform?.os === "unknown")) {
      // An attestation or another artifact beside the images: its blobs count, its meaning is its owner's.
      for (const blob of [manifest.config, ...manifest.layers]) await this.#checkBytes(blob, where);
      return;
    }
    const config = await this.#document(manifest.config, `${where}: config`, configSchema);
    if (config !== undefined) this.#checkConfig(config, manifest, where, platform);
    const stack = new LayerStack();
    for (const [number, layer] of manifest.layers.entries()) {
      const layerWhere = `${where}: layer ${number + 1} ${layer.digest}`;
      const facts = await this.#layer(layer, layerWhere);
      const diffId = config?.rootfs.diff_ids[number];
      if (facts.diffId !== undefined && diffId !== undefined && facts.diffId !== diffId) {
        this.#report("DIFF_ID_INVALID", layerWhere, `the config says ${diffId}, its tar is ${facts.diffId}`);
      }
      for (const { code, message } of [...facts.problems, ...stack.add(facts.entries)]) {
        this.#report(code, layerWhere, message);
      }
    }
  }

  #checkConfig(
    config: ConfigDocument,
    manifest: ManifestDocument,
    where: string,
    platform: { os: string; architecture: string } | undefined,
  ): void {
    const layers = manifest.layers.length;
    const diffIds = config.rootfs.diff_ids.length;
    if (layers !== diffIds) {
      this.#report("CONFIG_INVALID", where, `${layers} layers, but the config has ${diffIds} diff ids`);
    }
    const history = config.history?.filter((entry) => entry.empty_layer !== true).length;
    if (history !== undefined && history !== 0 && history !== layers) {
      this.#report("CONFIG_INVALID", where, `${layers} layers, but the history speaks of ${history}`);
    }
    if (platform === undefined) return;
    const said = `${platform.os}/${platform.architecture}`;
    const is = `${config.os}/${config.architecture}`;
    if (said !== is) this.#report("PLATFORM_INVALID", where, `the index says ${said}, the config ${is}`);
  }

  async #layer(descriptor: StatedBlob, where: string): Promise<LayerFacts> {
    this.#signal?.throwIfAborted();
    const key = `${descriptor.digest} ${descriptor.size} ${descriptor.mediaType}`;
    const known = this.#layers.get(key);
    if (known !== undefined) return known;
    const facts = await checkLayer(this.#source.read(descriptor), descriptor, where);
    this.#layers.set(key, facts);
    this.checked.layers += 1;
    this.checked.entries += facts.entries.length;
    this.checked.bytes += facts.bytes;
    return facts;
  }

  async #checkBytes(descriptor: StatedBlob, where: string): Promise<Uint8Array[]> {
    const isSmall = descriptor.size <= MAX_DOCUMENT_BYTES;
    const result = await checkBlob(this.#source.read(descriptor), descriptor, isSmall);
    this.checked.bytes += result.bytes;
    for (const { code, message } of result.problems)
      this.#report(code, `${where}: ${descriptor.digest}`, message);
    return result.kept;
  }

  /** Undefined when it cannot be used; the problems are reported then. */
  async #document<Schema extends z.ZodType>(
    descriptor: StatedBlob,
    where: string,
    schema: Schema,
  ): Promise<z.infer<Schema> | undefined> {
    this.#signal?.throwIfAborted();
    if (descriptor.size > MAX_DOCUMENT_BYTES) {
      this.#report(
        "SIZE_INVALID",
        where,
        `a document of ${descriptor.size} bytes, allowed are ${MAX_DOCUMENT_BYTES}`,
      );
      return undefined;
    }
    const bytes = Buffer.concat(await this.#checkBytes(descriptor, where));
    let json: unknown;
    try {
      json = JSON.parse(bytes.toString("utf8"));
    } catch (error) {
      this.#report("MANIFEST_INVALID", where, `not JSON: ${messageOf(error)}`);
      return undefined;
    }
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      this.#report("MANIFEST_INVALID", where, describeIssues(parsed.error));
      return undefined;
    }
    this.#checkStatedType(json, descriptor, where);
    return parsed.data;
  }

  /** Documents that state a type must be of the type that their descriptor states. */
  #checkStatedType(json: unknown, descriptor: StatedBlob, where: string): void {
    const stated =
      typeof json === "object" && json !== null && "mediaType" in json ? json.mediaType : undefined;
    if (stated !== undefined && stated !== descriptor.mediaType) {
      const message = `says it is ${JSON.stringify(stated)}, its descriptor says ${JSON.stringify(descriptor.mediaType)}`;
      this.#report("MEDIA_TYPE_INVALID", where, message);
    }
  }

  #report(code: string, where: string, message: string): void {
    this.problems.push({ code, where, message });
  }
}
