import { statSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { parseLayoutReference } from "../image/layout-reference.ts";

/** Where this build looks for images. */
export type ImagePlaces = {
  /** The project's folder, or one script in it, absolute: what paths of image layouts count from. */
  readonly root: string;
  /** `--build-context`: by reference in full, `oci-layout://…` or another reference. */
  readonly named: ReadonlyMap<string, string>;
  /** Of these, those that something was looked for by. */
  readonly used: Set<string>;
};

/** What of a workbench says it. */
type Bench = { readonly imagePlaces?: ImagePlaces };

/** Where an image is to be looked for: the reference itself, unless something else was put in its place. */
export function placeOf(reference: string, { imagePlaces }: Bench): string {
  const place = imagePlaces?.named.get(reference);
  if (place !== undefined) imagePlaces?.used.add(reference);
  return place ?? reference;
}

/** Whether an image is one that is put beside this build, in a folder or by another name: no lock and no memory pins it. */
export function isPlaced(reference: string, bench: Bench): boolean {
  return bench.imagePlaces?.named.has(reference) === true || parseLayoutReference(reference) !== undefined;
}

/** The folder of an image layout, absolute. */
export function layoutFolder(folder: string, { imagePlaces }: Bench): string {
  if (isAbsolute(folder) || imagePlaces === undefined) return resolve(folder);
  const { root } = imagePlaces;
  return resolve(statSync(root).isDirectory() ? root : dirname(root), folder);
}
