import { LIBRARY_SCHEME } from "../../ecosystems/python/bytecode/library.ts";
import type { Segment } from "../../layer/segment.ts";

export function isBytecode({ recipe }: Segment): boolean {
  return recipe.ecosystem === "bytecode";
}

/** Of Python's standard library, not of a wheel. */
export function isLibraryBytecode(segment: Segment): boolean {
  return isBytecode(segment) && segment.recipe.options.scheme === LIBRARY_SCHEME;
}
