import { canonicalJson } from "../canonical-json.ts";
import { type Descriptor, digestOf } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "./media-types.ts";

/** A small document of an image with the descriptor that names it. */
export type Blob = { readonly bytes: Uint8Array; readonly descriptor: Descriptor };

export type Annotations = Readonly<Record<string, string>>;

export function blobOf(bytes: Uint8Array, mediaType: string): Blob {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
}

/** image-spec, manifest.md. Equal input, equal bytes. */
export function buildManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations?: Annotations,
): Blob {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    config: plain(config),
    layers: layers.map(plain),
    annotations: withMembers(annotations),
  };
  return blobOf(Buffer.from(canonicalJson(document), "utf8"), MANIFEST_MEDIA_TYPE);
}

/** image-spec, image-index.md. Keeps the order of `manifests`, since the first match wins. */
export function buildIndex(
  manifests: readonly { readonly descriptor: Descriptor; readonly platform: Platform }[],
  annotations?: Annotations,
): Blob {
  const document = {
    schemaVersion: 2,
    mediaType: INDEX_MEDIA_TYPE,
    manifests: manifests.map(({ descriptor, platform }) => ({
      ...plain(descriptor),
      platform: { os: platform.os, architecture: platform.architecture },
    })),
    annotations: withMembers(annotations),
  };
  return blobOf(Buffer.from(canonicalJson(document), "utf8"), INDEX_MEDIA_TYPE);
}

/** Only what the spec names: a descriptor given may be a larger object. */
function plain(descriptor: Descriptor): Record<string, unknown> {
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    annotations: withMembers(descriptor.annotations),
  };
}

function withMembers(annotations: Annotations | undefined): Annotations | undefined {
  return annotations === undefined || Object.keys(annotations).length === 0 ? undefined : annotations;
}
