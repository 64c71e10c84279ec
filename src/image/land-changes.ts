import { parentOf } from "../layer/arrange.ts";
import { comparePaths, type DirectoryEntry, isPlain, plainDirectory } from "../layer/entry.ts";
import { resolveLinks } from "../layer/resolve-links.ts";
import type { ImageEntry } from "./image-tree.ts";
import type { LayerChanges } from "./layer-changes.ts";
import { type FlatTree, isEqualEntry } from "./tree-difference.ts";
import { joined } from "./walk-tree.ts";

/** Two trees say different things of a path, and neither knew the other's: what was taken stands in `is`. */
export type PathConflict = {
  readonly path: string;
  readonly was: ImageEntry["type"];
  readonly is: ImageEntry["type"];
  /** Of a directory that went: how many paths went with it. */
  readonly lostPaths: number;
};

export type Landed = {
  readonly tree: FlatTree;
  /** For a path of `tree` that comes from the changes, where they have it. */
  readonly origins: ReadonlyMap<string, string>;
  /** What the changes delete and is not there: a tree that this lands on later may have it. Sorted. */
  readonly absent: readonly string[];
  /** Sorted by path. */
  readonly conflicts: readonly PathConflict[];
};

/**
 * Lays changes over a tree they were not made on:
 * - a path through a symlink of the tree lands where that leads, and no directory takes a symlink's place that leads to
 *   one, unless the changes removed it themselves;
 * - a directory of the tree keeps its mode, owner and attributes unless the changes mean theirs;
 * - of anything else that differs the changes win, a directory over a file and a file over a directory too. That is a
 *   conflict where the tree has not what the changes were made on.
 *
 * `combined` are entries by path of `below` that stand there in any case, whatever both say.
 */
export function landChanges(
  below: FlatTree,
  changes: LayerChanges,
  combined: ReadonlyMap<string, ImageEntry> = new Map(),
): Landed {
  return new Landing(below, changes, combined).landed();
}

class Landing {
  readonly #below: FlatTree;
  readonly #changes: LayerChanges;
  readonly #combined: ReadonlyMap<string, ImageEntry>;
  readonly #entries: Map<string, ImageEntry>;
  readonly #inodes: Map<string, object>;
  readonly #children = new Map<string, Set<string>>();
  readonly #origins = new Map<string, string>();
  readonly #conflicts: PathConflict[] = [];
  readonly #places = new Map<string, string>([["", ""]]);

  constructor(below: FlatTree, changes: LayerChanges, combined: ReadonlyMap<string, ImageEntry>) {
    this.#below = below;
    this.#changes = changes;
    this.#combined = combined;
    this.#entries = new Map(below.entries);
    this.#inodes = new Map(below.inodes);
    for (const path of below.entries.keys()) this.#noteChild(path);
  }

  landed(): Landed {
    const { tree, stated, removed, emptied } = this.#changes;
    const gone: string[] = [];
    for (const path of removed) {
      const place = this.#placeOf(path);
      this.#remove(place);
      gone.push(place);
    }
    for (const path of emptied) {
      for (const name of [...(this.#children.get(this.#directory(path)) ?? [])]) {
        this.#remove(joined(this.#directory(path), name));
      }
    }
    // Deletions may have taken links away that paths led through.
    this.#places.clear();
    this.#places.set("", "");
    for (const [path, entry] of tree.entries) {
      if (!stated.has(path)) continue;
      if (entry.type === "directory") this.#putDirectory(path, entry);
      else this.#put(path, entry);
    }
    const absent = gone.filter((place) => {
      const isHeld = parentOf(place) === "" || this.#entries.get(parentOf(place))?.type === "directory";
      return isHeld && !this.#entries.has(place) && !this.#below.entries.has(place);
    });
    return {
      tree: { entries: this.#entries, inodes: this.#inodes },
      origins: this.#origins,
      absent: [...new Set(absent)].sort(comparePaths),
      conflicts: this.#conflicts.sort((a, b) => comparePaths(a.path, b.path)),
    };
  }

  #putDirectory(path: string, entry: DirectoryEntry): void {
    const place = this.#directory(path);
    const before = this.#entries.get(place);
    const placed = { ...entry, path: place };
    if (before?.type === "directory") {
      if (!this.#changes.meant.has(path) || isEqualEntry(before, placed)) return;
      if (!isPlain(before) && !this.#isKnown(path, before)) this.#conflict(place, entry);
    } else if (before !== undefined) {
      if (!this.#isKnown(path, before)) this.#conflict(place, entry);
      this.#remove(place);
    }
    this.#set(place, placed, path);
  }

  #put(path: string, entry: ImageEntry): void {
    const place = this.#placeOf(path);
    const before = this.#entries.get(place);
    const combined = this.#combined.get(place);
    if (combined !== undefined) {
      if (before === undefined || !isEqualEntry(before, combined)) this.#set(place, combined, undefined);
      return;
    }
    const placed = { ...entry, path: place };
    const inode = this.#changes.tree.inodes.get(path);
    if (before !== undefined) {
      const isSame = isEqualEntry(before, placed);
      if (isSame && inode === undefined) return;
      if (!isSame && !this.#isKnown(path, before)) this.#conflict(place, entry);
      if (before.type === "directory") this.#remove(place);
    }
    this.#set(place, placed, path);
    if (inode !== undefined) this.#inodes.set(place, inode);
  }

  /** Whether the changes were made on what stands there. */
  #isKnown(path: string, before: ImageEntry): boolean {
    const known = this.#changes.over.entries.get(path);
    return known !== undefined && isEqualEntry(known, before);
  }

  #conflict(path: string, entry: ImageEntry): void {
    const before = this.#entries.get(path)!;
    const lostPaths = before.type === "directory" && entry.type !== "directory" ? this.#count(path) : 0;
    this.#conflicts.push({ path, was: before.type, is: entry.type, lostPaths });
  }

  #count(directory: string): number {
    let count = 0;
    for (const name of this.#children.get(directory) ?? []) count += 1 + this.#count(joined(directory, name));
    return count;
  }

  /** Where what has this path in the changes lands. */
  #placeOf(path: string): string {
    return joined(
      this.#directory(parentOf(path)),
      path.slice(parentOf(path) === "" ? 0 : parentOf(path).length + 1),
    );
  }

  /** Where a directory of the changes is: behind a symlink of the tree that leads to one. */
  #directory(path: string): string {
    const known = this.#places.get(path);
    if (known !== undefined) return known;
    const here = this.#placeOf(path);
    const place = this.#behindLinks(path, here);
    this.#places.set(path, place);
    return place;
  }

  #behindLinks(path: string, here: string): string {
    const { over, removed } = this.#changes;
    // Where the changes were made on a link too, they put the directory in its place on purpose.
    const isReplaced =
      removed.has(path) || (over.entries.has(path) && over.entries.get(path)?.type !== "directory");
    if (this.#entries.get(here)?.type !== "symlink" || isReplaced) return here;
    const real = resolveLinks(here, (at) => {
      const entry = this.#entries.get(at);
      return entry?.type === "symlink" ? entry.target : undefined;
    });
    const isDirectory =
      real !== undefined &&
      (real === "" ||
        this.#entries.get(real)?.type === "directory" ||
        this.#changes.tree.entries.get(real)?.type === "directory");
    return isDirectory ? real : here;
  }

  #set(place: string, entry: ImageEntry, origin: string | undefined): void {
    this.#makeParents(place, origin);
    this.#entries.set(place, entry);
    this.#inodes.delete(place);
    this.#noteChild(place);
    if (origin === undefined) this.#origins.delete(place);
    else this.#origins.set(place, origin);
  }

  /** Directories that the changes found below them and that are missing here come along as they were. */
  #makeParents(place: string, origin: string | undefined): void {
    const parent = parentOf(place);
    if (parent === "" || this.#entries.get(parent)?.type === "directory") return;
    const above = origin === undefined ? undefined : parentOf(origin);
    const entry = above === undefined ? undefined : this.#changes.tree.entries.get(above);
    if (this.#entries.has(parent)) {
      this.#conflict(parent, plainDirectory(parent));
      this.#remove(parent);
    }
    const made = entry?.type === "directory" ? { ...entry, path: parent } : plainDirectory(parent);
    this.#set(parent, made, above);
  }

  #remove(path: string): void {
    for (const name of [...(this.#children.get(path) ?? [])]) this.#remove(joined(path, name));
    this.#entries.delete(path);
    this.#inodes.delete(path);
    this.#origins.delete(path);
    this.#children.delete(path);
    this.#children.get(parentOf(path))?.delete(path.slice(path.lastIndexOf("/") + 1));
  }

  #noteChild(path: string): void {
    const parent = parentOf(path);
    const names = this.#children.get(parent);
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (names === undefined) this.#children.set(parent, new Set([name]));
    else names.add(name);
  }
}
