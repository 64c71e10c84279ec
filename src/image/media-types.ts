/** The media types that images are made of (image-spec, media-types.md); Docker's are read, never written. */
export const CONFIG_MEDIA_TYPE = "application/vnd.oci.image.config.v1+json";
export const MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const INDEX_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json";

const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  "application/vnd.oci.image.layer.v1.tar": "none",
  "application/vnd.oci.image.layer.v1.tar+gzip": "gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd": "zstd",
  "application/vnd.oci.image.layer.nondistributable.v1.tar": "none",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": "gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": "zstd",
  "application/vnd.docker.image.rootfs.diff.tar": "none",
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
  // BuildKit's and containerd's, where a Docker-typed image is asked for zstd.
  "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip": "gzip",
};

export type Compression = "none" | "gzip" | "zstd";

export function isManifestType(mediaType: string): boolean {
  return mediaType === MANIFEST_MEDIA_TYPE || mediaType === DOCKER_MANIFEST;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === INDEX_MEDIA_TYPE || mediaType === DOCKER_LIST;
}

/** How a layer of this type is compressed; undefined for what is no layer. */
export function layerCompression(mediaType: string): Compression | undefined {
  return Object.hasOwn(COMPRESSIONS, mediaType) ? COMPRESSIONS[mediaType] : undefined;
}

/**
 * What the same bytes are called in an OCI manifest: Docker's names and those of layers that were once not to be
 * distributed (image-spec, layer.md: deprecated) become the plain ones. Others stay.
 */
export function ociLayerType(mediaType: string): string {
  const compression = layerCompression(mediaType);
  if (compression === undefined) return mediaType;
  return `application/vnd.oci.image.layer.v1.tar${compression === "none" ? "" : `+${compression}`}`;
}

/** For an Accept header: every manifest and index that is understood. */
export const ACCEPTED_MANIFESTS = [MANIFEST_MEDIA_TYPE, INDEX_MEDIA_TYPE, DOCKER_MANIFEST, DOCKER_LIST];
