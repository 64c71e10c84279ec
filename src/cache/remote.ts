import type { Blob } from "../image/manifest.ts";
import type { Descriptor } from "../layer/digest.ts";
import type { Repository } from "../registry/repository.ts";
import type { CachePlace } from "./place.ts";

/**
 * A registry's repository or a folder, as caches see it. Every method throws CambiumErrors with distribution's codes,
 * those of `Repository`, `OUTPUT_UNWRITABLE`, `DISK_FULL`, or the signal's reason.
 */
export type Remote = Pick<
  Repository,
  "name" | "manifest" | "blob" | "manifestDigest" | "uploadBlob" | "deleteManifest" | "tags"
> & {
  readonly place: CachePlace;
  /** Makes keys that this place is told worthless elsewhere: nobody can prepare for all repositories. */
  readonly salt: string;
  /** Tags of images to begin with: what builds like this one left, the likeliest first. */
  heads(build: string): Promise<readonly string[]>;
  /** As far as it tells without the bytes being read. */
  hasBlob(blob: Pick<Descriptor, "digest" | "size">): Promise<boolean>;
  putManifest(manifest: Blob, tag: string): Promise<unknown>;
};
