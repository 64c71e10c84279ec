import type { Blob } from "../image/manifest.ts";
import type { Reference } from "../image/reference.ts";
import type { RegistryAccess } from "../registry/access.ts";
import { openRepository, type Repository } from "../registry/repository.ts";
import { openFolder } from "./folder.ts";
import type { CachePlace } from "./place.ts";

/**
 * A registry's repository or a folder, as caches see it. Every method throws CambiumErrors with distribution's codes,
 * those of `Repository`, `OUTPUT_UNWRITABLE`, `DISK_FULL`, or the signal's reason.
 */
export type Remote = Pick<
  Repository,
  "name" | "manifest" | "blob" | "manifestDigest" | "hasBlob" | "uploadBlob" | "deleteManifest" | "tags"
> & {
  readonly place: CachePlace;
  /** Makes keys that this place is told worthless elsewhere: nobody can prepare for all repositories. */
  readonly salt: string;
  /** Tags of images to begin with: what builds like this one left, the likeliest first. */
  heads(build: string): Promise<readonly string[]>;
  putManifest(manifest: Blob, tag: string): Promise<unknown>;
};

/** No request is made, and no file read. `isWriter`: credentials that may write are asked for. */
export function openRemote(place: CachePlace, access: RegistryAccess, isWriter = false): Remote {
  return place.kind === "folder" ? openFolder(place.path) : registryRemote(place.reference, access, isWriter);
}

function registryRemote(reference: Reference, access: RegistryAccess, isWriter: boolean): Remote {
  const repository = openRepository(reference, access, isWriter ? "push" : "pull");
  const head = reference.digest ?? reference.tag ?? "latest";
  return {
    ...repository,
    place: { kind: "registry", reference },
    // Not the host: the same registry has several names, inside a cluster and outside.
    salt: reference.repository,
    heads: async () => [head],
  };
}
