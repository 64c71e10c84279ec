import { openRemote } from "../../src/cache/open-remote.ts";
import type { Remote } from "../../src/cache/remote.ts";
import { parseReference } from "../../src/image/reference.ts";
import type { RegistryAccess } from "../../src/registry/access.ts";

/** The repository of an image as a place of caches, with the image's tag. */
export function remoteAt(name: string, access: RegistryAccess): { remote: Remote; head: string } {
  const reference = parseReference(name, "test");
  return { remote: openRemote({ kind: "registry", reference }, access), head: reference.tag ?? "latest" };
}
