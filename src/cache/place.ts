import type { CacheFromSpec, CachePlaceSpec, CacheToSpec } from "../cache-spec.ts";
import { familiarReference, parseReference, type Reference, withDefaultTag } from "../image/reference.ts";

/** Where caches travel through: a repository of a registry, by an image's name; or a folder, absolute. */
export type CachePlace =
  | { readonly kind: "registry"; readonly reference: Reference }
  | { readonly kind: "folder"; readonly path: string };

/** What `CacheFromSpec` says, parsed. */
export type CacheImport = Omit<CacheFromSpec, "place"> & { readonly place: CachePlace };

/** What `CacheToSpec` says, parsed. */
export type CacheExport = Omit<CacheToSpec, "place"> & { readonly place: CachePlace };

/** @throws CambiumError `REFERENCE_SYNTAX`; `where` says who wrote it. */
export function parsePlace(spec: CachePlaceSpec, where: string): CachePlace {
  if (spec.kind === "folder") return spec;
  return { kind: "registry", reference: withDefaultTag(parseReference(spec.reference, where)) };
}

/** To print: as Docker writes a reference, or the folder. */
export function placeName(place: CachePlace): string {
  return place.kind === "folder" ? place.path : familiarReference(place.reference);
}

/** The same repository or folder, whatever the tag. */
export function homeOf(place: CachePlace): string {
  if (place.kind === "folder") return place.path;
  return `${place.reference.registry}/${place.reference.repository}`;
}
