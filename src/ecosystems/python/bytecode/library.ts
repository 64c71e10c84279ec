import { dirname } from "node:path/posix";
import { canonicalJson } from "../../../canonical-json.ts";
import { type Digest, digestOf } from "../../../layer/digest.ts";
import { comparePaths } from "../../../layer/entry.ts";
import type { ListedEntry } from "../../../layer/listing.ts";
import type { BlobWriter, Recipe, Segment } from "../../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../../layout-versions.ts";
import { bytecodePath, type Compile, compiledSegment, minorOf } from "./bytecode.ts";

/** Modules of a standard library by path, sorted, each with the digest of its source. */
export type LibraryModules = readonly (readonly [path: string, digest: Digest])[];

/** What no codec needs and nobody imports by accident, large parts of the library among it. */
const UNUSED =
  /^(site-packages|dist-packages|__pycache__|test|tkinter|idlelib|ensurepip|turtledemo|pydoc_data|lib2to3|config-.*)$/;

/** Names the architecture that it was built for; bytecode is the same on all. */
const OF_MACHINE = /^_sysconfigdata_/;

/** In the options of its recipe, where a wheel's has how that is installed. */
export const LIBRARY_SCHEME = "library";

/** Where the standard library lies: `usr/lib/python3.11`. */
export function libraryFolder(prefix: string, minor: string): string {
  return `${prefix === "" ? "" : `${prefix}/`}lib/python${minor}`;
}

/** Whether a path is the standard library's, without the parts that nobody imports by accident. */
export function isOfLibrary(path: string, folder: string): boolean {
  if (!path.startsWith(`${folder}/`)) return false;
  const folders = path.slice(folder.length + 1).split("/");
  return folders.slice(0, -1).every((name) => !UNUSED.test(name));
}

/** The modules among an image's entries that have no bytecode yet, and room for it. */
export function libraryModules(
  entries: Iterable<ListedEntry>,
  folder: string,
  minor: string,
): LibraryModules {
  const below = [...entries].filter(
    ({ path, type }) => type !== "directory" && path.startsWith(`${folder}/`),
  );
  const taken = new Set(below.map(({ path }) => path));
  const modules = below.flatMap((entry) => {
    const { path } = entry;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (entry.type !== "file" || !/.\.py$/.test(name) || OF_MACHINE.test(name) || !isOfLibrary(path, folder))
      return [];
    const cached = bytecodePath(path, minor);
    return taken.has(cached) || taken.has(dirname(cached)) ? [] : [[path, entry.digest] as const];
  });
  return modules.sort(([a], [b]) => comparePaths(a, b));
}

/** What the identity of a library's bytecode is the digest of: `[["usr/lib/python3.11/abc.py","sha256:…"],…]`. */
export function libraryDocument(modules: LibraryModules): string {
  return canonicalJson(modules);
}

/** The identity of a library's bytecode, known from listings alone: the same for every image with these modules. */
export function libraryRecipe(modules: LibraryModules, version: string): Recipe {
  return {
    ecosystem: "bytecode",
    layoutVersion: LAYOUT_VERSIONS.bytecode,
    source: digestOf(libraryDocument(modules)),
    options: { implementation: "cpython", python: version, scheme: LIBRARY_SCHEME },
  };
}

/**
 * The bytecode of a standard library, as `bytecodeSegment` makes that of a wheel.
 * @param read gives a module's source
 */
export async function librarySegment(
  modules: LibraryModules,
  version: string,
  compile: Compile,
  read: (module: LibraryModules[number]) => Uint8Array,
  blobs: BlobWriter,
): Promise<Segment> {
  const sources = modules.map((module) => {
    const [path] = module;
    return { path, pathInPython: `/${path}`, read: () => read(module) };
  });
  const key = `python${minorOf(version)}`;
  const identity = { recipe: libraryRecipe(modules, version), name: libraryName(version), key };
  return compiledSegment(identity, sources, version, compile, blobs);
}

/** What people read while it is compiled. */
export function libraryName(version: string): string {
  return `bytecode of Python ${version}`;
}
