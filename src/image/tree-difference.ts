import { isSame, parentOf } from "../layer/arrange.ts";
import { comparePaths } from "../layer/entry.ts";
import type { ImageEntry, ImageTree } from "./image-tree.ts";

/** A file tree by its real paths, to be compared: nothing is followed. */
export type FlatTree = {
  readonly entries: ReadonlyMap<string, ImageEntry>;
  /** Of files with several names: by path, an object that is the same for all names of one. */
  readonly inodes: ReadonlyMap<string, object>;
};

/** What a layer must say to make one tree of another. */
export type TreeDifference = {
  /** What is new or changed, sorted. Of a file with several names it is all of them or none. */
  readonly entries: readonly ImageEntry[];
  /** What is gone, with all below it, sorted. What another entry takes the place of is not here. */
  readonly whiteouts: readonly string[];
};

export const EMPTY_TREE: FlatTree = { entries: new Map(), inodes: new Map() };

export function flatTree(tree: ImageTree): FlatTree {
  return {
    entries: new Map(Array.from(tree.entries(), (entry) => [entry.path, entry])),
    inodes: tree.inodes(),
  };
}

/** By path, type, mode, owner, link, content, extended attributes and device; never by time. */
export function treeDifference(lower: FlatTree, upper: FlatTree): TreeDifference {
  const whiteouts = [...lower.entries.keys()].filter((path) => {
    return !upper.entries.has(path) && isDirectory(upper, parentOf(path));
  });
  const linked = namesByInode(lower);
  const groups = namesByInode(upper);
  const isKept = (entry: ImageEntry): boolean => {
    const before = lower.entries.get(entry.path);
    if (before === undefined || !isEqualEntry(before, entry)) return false;
    const names = groupOf(upper, groups, entry.path);
    const namesBefore = groupOf(lower, linked, entry.path);
    return names.every((name) => name === entry.path || namesBefore.includes(name));
  };
  const changed = new Set<string>();
  for (const entry of upper.entries.values()) {
    if (changed.has(entry.path) || isKept(entry)) continue;
    // A hard link must find its file in the same layer, or who unpacks it may not.
    for (const name of groupOf(upper, groups, entry.path)) changed.add(name);
    changed.add(entry.path);
  }
  const entries = [...changed].sort(comparePaths).map((path) => upper.entries.get(path)!);
  return { entries, whiteouts: whiteouts.sort(comparePaths) };
}

/** Whether both are the same but for their paths. */
export function isEqualEntry(a: ImageEntry, b: ImageEntry): boolean {
  return isSame(a, b) && xattrsOf(a) === xattrsOf(b);
}

function xattrsOf({ xattrs = {} }: ImageEntry): string {
  return JSON.stringify(Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The root is one, too. */
function isDirectory({ entries }: FlatTree, path: string): boolean {
  return path === "" || entries.get(path)?.type === "directory";
}

function namesByInode({ inodes }: FlatTree): ReadonlyMap<object, readonly string[]> {
  const names = new Map<object, string[]>();
  for (const [path, inode] of inodes) {
    const known = names.get(inode);
    if (known === undefined) names.set(inode, [path]);
    else known.push(path);
  }
  return names;
}

function groupOf(
  { inodes }: FlatTree,
  names: ReadonlyMap<object, readonly string[]>,
  path: string,
): readonly string[] {
  const inode = inodes.get(path);
  return inode === undefined ? [] : names.get(inode)!;
}
