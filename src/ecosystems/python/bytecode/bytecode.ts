import { dirname } from "node:path/posix";
import type { Digest } from "../../../layer/digest.ts";
import { CONSTANT_MTIME, comparePaths } from "../../../layer/entry.ts";
import { Pack, type Packed, packedFile } from "../../../layer/files.ts";
import { readSegmentFile } from "../../../layer/read-file.ts";
import type { BlobReader, BlobWriter, Recipe, Segment, SegmentFile } from "../../../layer/segment.ts";
import { segmentId } from "../../../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../../../layout-versions.ts";
import { LIBRARY, VENV } from "../wheel/scheme.ts";
import type { PythonFile } from "./compile.ts";

/** Compiles in order: the contents of .pyc files, undefined for what does not compile. */
export type Compile = (files: readonly PythonFile[]) => AsyncIterable<Uint8Array | undefined>;

/** Whether a version is exact enough to say whose bytecode it is: `3.11.2`. */
export function isExactVersion(version: string): boolean {
  return /^3\.\d+\.\d+((a|b|rc)\d+)?$/.test(version);
}

/**
 * The identity of a wheel's bytecode, known without any bytes.
 * `version`: of the CPython that compiles, `3.11.2`: within X.Y the format is one, but the compiler's bugs are not.
 */
export function bytecodeRecipe(wheel: Digest, version: string): Recipe {
  return {
    ecosystem: "bytecode",
    layoutVersion: LAYOUT_VERSIONS.bytecode,
    source: wheel,
    options: { implementation: "cpython", python: version, scheme: "venv" },
  };
}

/**
 * The bytecode of a wheel's modules in site-packages: for `x.py` what `compileall` leaves at
 * `__pycache__/x.cpython-XY.pyc`, never to be checked against its source (PEP 552). What does not compile has none.
 */
export async function bytecodeSegment(
  wheel: Segment,
  version: string,
  compile: Compile,
  reader: BlobReader,
  blobs: BlobWriter,
): Promise<Segment> {
  const minor = minorOf(version);
  const paths = new Set(wheel.entries.map(({ path }) => path));
  const sources = wheel.entries.flatMap((entry) => {
    // compileall too can put nothing where a file is called `__pycache__`.
    if (entry.type !== "file" || !isModule(entry.path) || paths.has(dirname(bytecodePath(entry.path, minor))))
      return [];
    const { path } = entry;
    return [{ path, pathInPython: pathInPython(path, minor), read: () => readSegmentFile(reader, entry) }];
  });
  const recipe = bytecodeRecipe(wheel.recipe.source, version);
  const identity = { recipe, name: `bytecode of ${wheel.name}`, key: wheel.key };
  return compiledSegment(identity, sources, version, compile, blobs);
}

/** A module to compile: where it lies, and what Python in the image will call it, absolute. */
type Module = { readonly path: string; readonly pathInPython: string; read(): Uint8Array };

/** What compiles of the sources, as a segment. Memory: deflated, and one file. */
export async function compiledSegment(
  identity: Pick<Segment, "recipe" | "name" | "key">,
  sources: readonly Module[],
  version: string,
  compile: Compile,
  blobs: BlobWriter,
): Promise<Segment> {
  const minor = minorOf(version);
  const files = sources.map(({ pathInPython: path, read }) => ({ path, read }));
  const pack = new Pack();
  const packed: (Packed & { readonly path: string })[] = [];
  let next = 0;
  for await (const content of compile(files)) {
    const { path } = sources[next++]!;
    if (content !== undefined) packed.push({ ...pack.add(content), path: bytecodePath(path, minor) });
  }
  const blob = pack.put(blobs);
  const entries = packed
    .map(({ path, ...content }): SegmentFile => {
      return packedFile({ type: "file", path, mode: 0o644, uid: 0, gid: 0 }, content, blob);
    })
    .sort((a, b) => comparePaths(a.path, b.path));
  return {
    id: segmentId(identity.recipe),
    ...identity,
    mtimeSec: CONSTANT_MTIME,
    entries,
    sizeBytes: entries.reduce((sum, { size }) => sum + size, 0),
    blobs: blob === undefined ? [] : [blob],
  };
}

/** The source that a file of bytecode was made from; undefined for what is no such file. */
export function sourceOfBytecode(path: string): string | undefined {
  const match = /^(.*\/)__pycache__\/([^/]*)\.cpython-\d+\.pyc$/.exec(path);
  return match === null ? undefined : `${match[1]}${match[2]}.py`;
}

/** Whether a wheel has something to compile. */
export function hasModules({ entries }: Segment): boolean {
  return entries.some(({ type, path }) => type === "file" && isModule(path));
}

function isModule(path: string): boolean {
  return path.startsWith(`${LIBRARY}/`) && /[^/]\.py$/.test(path);
}

/** As Python knows its site-packages: by the link with X.Y in its name. */
function pathInPython(path: string, minor: string): string {
  return `/${VENV}/lib/python${minor}/site-packages${path.slice(LIBRARY.length)}`;
}

/** As `importlib.util.cache_from_source` has it (PEP 3147). */
export function bytecodePath(path: string, minor: string): string {
  const slash = path.lastIndexOf("/") + 1;
  const name = path.slice(slash, -".py".length);
  return `${path.slice(0, slash)}__pycache__/${name}.${cacheTag(minor)}.pyc`;
}

/** `cpython-311`. */
export function cacheTag(minor: string): string {
  return `cpython-${minor.replace(".", "")}`;
}

export function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
