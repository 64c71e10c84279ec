import { comparePaths } from "../../layer/entry.ts";
import { resolveLinks } from "../../layer/resolve-links.ts";
import type { Segment, SegmentEntry } from "../../layer/segment.ts";

/** What the packages of a target put into the image, as one file tree to look things up in. Paths as in `Entry`. */
export type Tree = {
  /** What stands at a path, links not followed. */
  entry(path: string): SegmentEntry | undefined;
  /** The path that a path leads to when all symlinks are followed; undefined if that is nothing. */
  resolve(path: string): string | undefined;
  /** Bytes of a file, symlinks followed. */
  read(path: string): Uint8Array | undefined;
  /** Paths directly or deeper below a directory (a real path), sorted. */
  below(directory: string): string[];
};

/**
 * The tree of the given segments. Links that the image will have but no package ships, such as `bin → usr/bin` in
 * bookworm, come in `links`. Directories without an entry exist when something is below them.
 */
export function openTree(
  segments: readonly Segment[],
  links: ReadonlyMap<string, string>,
  readFile: (path: string) => Uint8Array | undefined,
): Tree {
  const entries = new Map<string, SegmentEntry>();
  const parents = new Set<string>();
  for (const segment of segments) {
    for (const entry of segment.entries) {
      entries.set(entry.path, entry);
      for (let at = entry.path.lastIndexOf("/"); at > 0; at = entry.path.lastIndexOf("/", at - 1)) {
        parents.add(entry.path.slice(0, at));
      }
    }
  }
  const sorted = [...entries.keys()].sort(comparePaths);
  const targetOf = (path: string): string | undefined => {
    const entry = entries.get(path);
    return entry?.type === "symlink" ? entry.target : links.get(path);
  };
  const resolve = (path: string): string | undefined => {
    const found = resolveLinks(path, targetOf);
    return found !== undefined && (entries.has(found) || parents.has(found)) ? found : undefined;
  };
  return {
    entry: (path) => entries.get(path),
    resolve,
    read(path) {
      const found = resolve(path);
      const entry = found === undefined ? undefined : entries.get(found);
      if (found === undefined || entry === undefined) return undefined;
      return readFile(entry.type === "hardlink" ? entry.target : found);
    },
    below(directory) {
      const prefix = `${directory}/`;
      return sorted.filter((path) => path.startsWith(prefix));
    },
  };
}
