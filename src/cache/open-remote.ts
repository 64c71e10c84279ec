import type { Reference } from "../image/reference.ts";
import type { RegistryAccess } from "../registry/access.ts";
import { openRepository } from "../registry/repository.ts";
import { openFolder } from "./folder.ts";
import type { CachePlace } from "./place.ts";
import type { Remote } from "./remote.ts";

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
