import { usageError } from "../errors.ts";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "../image/reference.ts";
import type { ImagePlaces } from "../solve/image-places.ts";
import type { Workbench } from "../solve/workbench.ts";
import type { PlanSettings } from "./settings.ts";

const IMAGE = "docker-image://";
const LAYOUT = "oci-layout://";

/**
 * Where a project that is no Dockerfile finds its images: what `--build-context` puts in the place of each. A Dockerfile has
 * its own reading of these.
 * @throws CambiumError `BUILD_CONTEXT_UNFIT`, `REFERENCE_SYNTAX`.
 */
export function imagePlacesOf({ contextDir, dockerfile }: PlanSettings): ImagePlaces {
  const given = [...(dockerfile?.buildContexts ?? [])];
  const named = new Map(given.map(([name, place]) => [full(name), placed(name, place)]));
  return { root: contextDir, named, used: new Set() };
}

/** Warns of names that nothing was looked for by: who gives one believes that it is used. */
export function tellUnused({ imagePlaces, emit }: Pick<Workbench, "imagePlaces" | "emit">): void {
  for (const name of imagePlaces?.named.keys() ?? []) {
    if (imagePlaces?.used.has(name) === true) continue;
    const message = `--build-context ${familiarReference(parseReference(name, "--build-context"))}: no image of this name was asked for`;
    const hint = "It is written as `from:`, `--base`, or `image:` of a copy has it.";
    emit({ type: "warning", code: "BUILD_CONTEXT_UNUSED", message, hint });
  }
}

function placed(name: string, place: string): string {
  if (place.startsWith(LAYOUT)) return place;
  if (place.startsWith(IMAGE)) return full(place.slice(IMAGE.length));
  throw usageError(
    "BUILD_CONTEXT_UNFIT",
    `--build-context ${name}: only an image can stand in the place of an image: ${place}`,
    "Write oci-layout://FOLDER[:TAG|@DIGEST] or docker-image://NAME; a folder of files is for Dockerfiles.",
  );
}

function full(name: string): string {
  return formatReference(withDefaultTag(parseReference(name, "--build-context")));
}
