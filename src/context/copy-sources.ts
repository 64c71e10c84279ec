import { usageError } from "../errors.ts";
import type { FileOp } from "../graph/definition.ts";
import { compileGlob, isGlob } from "./glob.ts";
import { missingSource } from "./missing-source.ts";
import type { ContextFile, ContextTree } from "./walk.ts";

export type CopyOp = Extract<FileOp, { op: "copy" }>;

/** What one source of a copy names. `name` as found in the context; `file` is what a link there leads to. */
export type CopySource = {
  readonly name: string;
  readonly file: ContextFile;
  /** For a directory all that is in it, at any depth. */
  readonly below: readonly ContextFile[];
};

/** As deep as Linux follows links. */
const MAX_LINKS = 40;

/**
 * The context's files that `op.sources` name, in the order written, those of a wildcard sorted. A named symlink is
 * followed, as Docker does, but never out of the context; links inside a copied directory stay links.
 * @throws CambiumError `COPY_SOURCE_MISSING`, `COPY_SOURCE_OUTSIDE`, `GLOB_SYNTAX`.
 */
export function findSources(tree: ContextTree, op: CopyOp): CopySource[] {
  const byPath = new Map(tree.files.map((file) => [file.path, file]));
  return op.sources.flatMap((written) => {
    const name = normalize(written);
    if (name === "") return [wholeContext(tree)];
    if (!isGlob(name)) return [sourceAt(tree, byPath, name, written)];
    const glob = compileGlob(name, "copy");
    const matches = tree.files.filter((file) => glob.matches(file.path));
    // With "**" a directory and what is in it match both; the files stand for themselves then.
    const named = name.includes("**") ? matches.filter((file) => file.type !== "directory") : matches;
    if (named.length === 0) throw missing(tree, name, written);
    return named.map((file) => sourceAt(tree, byPath, file.path, written));
  });
}

function wholeContext(tree: ContextTree): CopySource {
  const file: ContextFile = {
    path: "",
    type: "directory",
    mode: 0o755,
    size: 0,
    mtimeNs: 0n,
    ctimeNs: 0n,
    inode: 0n,
  };
  return { name: "", file, below: tree.files };
}

function sourceAt(
  tree: ContextTree,
  byPath: ReadonlyMap<string, ContextFile>,
  name: string,
  written: string,
): CopySource {
  const file = follow(tree, byPath, name, written);
  if (file === undefined) return { ...wholeContext(tree), name };
  return { name, file, below: file.type === "directory" ? filesBelow(tree, file.path) : [] };
}

/** Resolves links in every part of `name`; undefined is the context's root. */
function follow(
  tree: ContextTree,
  byPath: ReadonlyMap<string, ContextFile>,
  name: string,
  written: string,
): ContextFile | undefined {
  const rest = name.split("/");
  let at = "";
  let file: ContextFile | undefined;
  for (let links = 0; rest.length > 0; ) {
    const segment = rest.shift()!;
    if (segment === "." || segment === "") continue;
    if (segment === "..") {
      if (at === "") throw outside(written, name);
      at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "";
      file = byPath.get(at);
      continue;
    }
    const path = at === "" ? segment : `${at}/${segment}`;
    file = byPath.get(path);
    if (file === undefined) throw missing(tree, path, written);
    if (file.type !== "symlink") {
      at = path;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) {
      throw usageError("COPY_SOURCE_MISSING", `copy: ${written} leads through more than ${MAX_LINKS} links`);
    }
    if (file.target!.startsWith("/")) throw outside(written, `${path} -> ${file.target}`);
    rest.unshift(...file.target!.split("/"));
    file = byPath.get(at);
  }
  return file;
}

/** Files are sorted, and "a/" sorts after "a-b": a linear filter is exact where a slice would not be. */
function filesBelow(tree: ContextTree, directory: string): ContextFile[] {
  return tree.files.filter((file) => file.path.startsWith(`${directory}/`));
}

/** A leading slash means the context's root, as in Docker; the result has no `.` or `..`. */
function normalize(written: string): string {
  const segments: string[] = [];
  for (const segment of written.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) throw outside(written, written);
  }
  return segments.join("/");
}

function outside(written: string, shown: string): Error {
  return usageError(
    "COPY_SOURCE_OUTSIDE",
    `copy: ${JSON.stringify(written)} is outside of the build context${shown === written ? "" : ` (${shown})`}`,
    "Build from a folder that holds all that is copied.",
  );
}

function missing(tree: ContextTree, name: string, written: string): Error {
  const { root, files, excluded } = tree;
  return missingSource({ where: `the build context ${root}`, paths: files, excluded }, name, written);
}
