import { minorOf } from "../../ecosystems/python/bytecode/bytecode.ts";
import {
  type LibraryModules,
  libraryFolder,
  libraryModules,
} from "../../ecosystems/python/bytecode/library.ts";
import type { Interpreter } from "../../ecosystems/python/target.ts";
import type { Segment } from "../../layer/segment.ts";
import { interpreterDebs } from "../debian-interpreter.ts";
import type { BaseImage } from "../opened-base.ts";

/**
 * The standard library of the image's Python: from listings alone.
 * @param debian packages of the image, whole or not
 * @param base absent on the computed Debian
 */
export function targetLibrary(
  { version }: Interpreter,
  debian: readonly Segment[],
  base: BaseImage | undefined,
): LibraryModules {
  const minor = minorOf(version);
  if (base === undefined) {
    const named = debian.map((segment) => ({ name: segment.key, segment }));
    const entries = interpreterDebs(named, minor).flatMap(({ segment }) => segment.entries);
    return libraryModules(entries, libraryFolder("usr", minor), minor);
  }
  const python = base.facts.interpreters.find(({ isFreeThreaded }) => !isFreeThreaded);
  if (python === undefined) return [];
  const folder = libraryFolder(python.prefix, minor);
  // What packages put in the place of the image's own modules is not what its Python was unpacked with.
  const added = new Set(debian.flatMap(({ entries }) => entries.map(({ path }) => path)));
  return libraryModules(base.tree.entries(folder), folder, minor).filter(([path]) => !added.has(path));
}
