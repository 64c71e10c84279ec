import type { z } from "zod";
import { CambiumError, messageOf, usageError } from "../errors.ts";
import type { DiffId, Digest } from "../layer/digest.ts";
import { readTar } from "../layer/read-tar.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { decompressed } from "./decompress.ts";
import {
  type ConfigDocument,
  configSchema,
  describeIssues,
  indexSchema,
  manifestSchema,
} from "./documents.ts";
import { isIndexType, layerCompression } from "./media-types.ts";
import { type LayerContents, readContents } from "./packages.ts";
import type { ImageSource, StatedBlob } from "./source.ts";
import { verified } from "./verified.ts";

export type InspectedLayer = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly diffId: DiffId;
  /** Compressed. */
  readonly sizeBytes: number;
  /** `created_by` of its history entry. */
  readonly createdBy?: string;
  /** Absent when the caller asked for no contents. */
  readonly contents?: LayerContents;
};

export type InspectedImage = {
  readonly platform: string;
  readonly digest: Digest;
  /** All layers, compressed. */
  readonly sizeBytes: number;
  readonly config: ConfigDocument;
  readonly layers: readonly InspectedLayer[];
};

export type Inspection = {
  readonly source: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly images: readonly InspectedImage[];
};

export type InspectOptions = {
  readonly platform?: Platform;
  /** Contents of a layer that the caller knows from a listing; without it, or for undefined, the layer is read. */
  readonly contentsOf?: (diffId: DiffId) => Promise<LayerContents | undefined>;
  /** False: documents only, no layer is read. */
  readonly withContents?: boolean;
  readonly signal?: AbortSignal;
};

const MAX_DOCUMENT_BYTES = 4 * 2 ** 20;

/**
 * Describes an image: platforms, config, layers, packages per layer.
 * @throws CambiumError `MANIFEST_INVALID`, `PLATFORM_UNKNOWN`, `DIGEST_INVALID`, `SIZE_INVALID`, `BLOB_UNKNOWN`,
 *   `MEDIA_TYPE_UNKNOWN`, `LAYER_DAMAGED`, `ARCHIVE_…`.
 */
export async function inspectImage(source: ImageSource, options: InspectOptions = {}): Promise<Inspection> {
  const { root, where } = source;
  const images: InspectedImage[] = [];
  for (const manifest of await manifestsOf(source, options.platform)) {
    const image = await inspectManifest(source, manifest, options);
    const wanted = options.platform === undefined ? image.platform : formatPlatform(options.platform);
    if (image.platform === wanted) images.push(image);
  }
  if (images.length === 0 && options.platform !== undefined) {
    throw usageError(
      "PLATFORM_UNKNOWN",
      `${where}: no image for ${formatPlatform(options.platform)}`,
      "Leave --platform out to see what there is.",
    );
  }
  return { source: where, digest: root.digest, mediaType: root.mediaType, images };
}

/** The manifests behind the root, attestations left out. */
async function manifestsOf(source: ImageSource, platform: Platform | undefined): Promise<StatedBlob[]> {
  if (!isIndexType(source.root.mediaType)) return [source.root];
  const index = await readDocument(source, source.root, indexSchema);
  return index.manifests.filter((row) => {
    if (row.platform?.os === "unknown" || isIndexType(row.mediaType)) return false;
    if (platform === undefined || row.platform === undefined) return true;
    return row.platform.os === platform.os && row.platform.architecture === platform.architecture;
  });
}

async function inspectManifest(
  source: ImageSource,
  descriptor: StatedBlob,
  options: InspectOptions,
): Promise<InspectedImage> {
  const manifest = await readDocument(source, descriptor, manifestSchema);
  const config = await readDocument(source, manifest.config, configSchema);
  const history = (config.history ?? []).filter((entry) => entry.empty_layer !== true);
  const layers: InspectedLayer[] = [];
  for (const [number, layer] of manifest.layers.entries()) {
    options.signal?.throwIfAborted();
    const diffId = config.rootfs.diff_ids[number];
    if (diffId === undefined) {
      throw invalid(
        source,
        `${manifest.layers.length} layers, but ${config.rootfs.diff_ids.length} diff ids`,
      );
    }
    const contents = await contentsOf(source, layer, diffId, options);
    const createdBy = history[number]?.created_by;
    layers.push({
      mediaType: layer.mediaType,
      digest: layer.digest,
      diffId,
      sizeBytes: layer.size,
      ...(createdBy === undefined ? {} : { createdBy }),
      ...(contents === undefined ? {} : { contents }),
    });
  }
  return {
    platform: `${config.os}/${config.architecture}`,
    digest: descriptor.digest,
    sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    config,
    layers,
  };
}

async function contentsOf(
  source: ImageSource,
  layer: StatedBlob,
  diffId: DiffId,
  options: InspectOptions,
): Promise<LayerContents | undefined> {
  if (options.withContents === false) return undefined;
  const known = await options.contentsOf?.(diffId);
  if (known !== undefined) return known;
  const where = `${source.where}: layer ${layer.digest}`;
  const compression = layerCompression(layer.mediaType);
  if (compression === undefined) {
    throw new CambiumError(
      "MEDIA_TYPE_UNKNOWN",
      `${where}: not a layer: ${JSON.stringify(layer.mediaType)}`,
      {
        hint: "Only images of files can be inspected.",
      },
    );
  }
  const bytes = verified(source.read(layer), layer, where);
  return await readContents(readTar(decompressed(bytes, compression, where), where));
}

/** Reads and checks a document. @throws CambiumError `MANIFEST_INVALID`, `DIGEST_INVALID`, `SIZE_INVALID`. */
export async function readDocument<Schema extends z.ZodType>(
  source: ImageSource,
  descriptor: StatedBlob,
  schema: Schema,
): Promise<z.infer<Schema>> {
  if (descriptor.size > MAX_DOCUMENT_BYTES) {
    throw invalid(
      source,
      `${descriptor.digest} has ${descriptor.size} bytes, allowed are ${MAX_DOCUMENT_BYTES}`,
    );
  }
  const chunks: Uint8Array[] = [];
  const where = `${source.where}: ${descriptor.digest}`;
  for await (const chunk of verified(source.read(descriptor), descriptor, where)) chunks.push(chunk);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw invalid(source, `${descriptor.digest} is not JSON: ${messageOf(error)}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalid(source, `${descriptor.digest}: ${describeIssues(parsed.error)}`);
  return parsed.data;
}

function invalid(source: ImageSource, problem: string): CambiumError {
  return new CambiumError("MANIFEST_INVALID", `${source.where}: ${problem}`, {
    hint: "`cambium validate` lists everything that is wrong with it.",
  });
}
