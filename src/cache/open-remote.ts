import type { Reference } from "../image/reference.ts";
import type { RegistryAccess } from "../registry/access.ts";
import type { Action } from "../registry/auth/scope.ts";
import { openRepository } from "../registry/repository.ts";
import { openFolder } from "./folder.ts";
import type { CachePlace } from "./place.ts";
import type { Remote } from "./remote.ts";

/** No request is made, and no file read. @param action the most that will be done: credentials are asked for that much */
export function openRemote(place: CachePlace, access: RegistryAccess, action: Action = "pull"): Remote {
  return place.kind === "folder" ? openFolder(place.path) : registryRemote(place.reference, access, action);
}

function registryRemote(reference: Reference, access: RegistryAccess, action: Action): Remote {
  const repository = openRepository(reference, access, action);
  const head = reference.digest ?? reference.tag ?? "latest";
  return {
    ...repository,
    place: { kind: "registry", reference },
    // Not the host: the same registry has several names, inside a cluster and outside.
    salt: reference.repository,
    heads: async () => [head],
    hasBlob: ({ digest }) => repository.hasBlob(digest),
  };
}
