import { CambiumError } from "../errors.ts";
import {
  comparePaths,
  type DirectoryEntry,
  type HardlinkEntry,
  type SpecialEntry,
  type SymlinkEntry,
} from "../layer/entry.ts";
import { resolveLinks } from "../layer/resolve-links.ts";
import type { ContentFile, ContentSource } from "./content-source.ts";

/** A file of a source on its way into a stage. */
export type PlacedFile = Omit<ContentFile, "inode"> & {
  readonly from: ContentSource;
  readonly content: ContentFile;
  /** The same for what are hard links of one another. */
  readonly link?: object;
};
type Placed = PlacedFile | DirectoryEntry | SymlinkEntry | SpecialEntry;
/** What a copy puts into a stage. */
export type PlacedEntry = Placed | HardlinkEntry;

/** What stands in the stage before; links on the way are followed nowhere. */
export interface LowerTree {
  entry(path: string): LowerEntry | undefined;
}
type LowerEntry =
  | DirectoryEntry
  | SymlinkEntry
  | { readonly type: "file" | SpecialEntry["type"]; readonly mode: number };

const ROOT: DirectoryEntry = { type: "directory", path: "", mode: 0o755, uid: 0, gid: 0 };

/**
 * A stage while files are copied into it: what is there before, and over it what is put. Paths are as in `Entry`, `""`
 * is the root. Nothing is read or written.
 */
export class TargetTree {
  readonly #lower: LowerTree | undefined;
  readonly #upper = new Map<string, Placed>();
  /** What is no more there with all below it; a layer says so by what it has at that path instead. */
  readonly #gone = new Set<string>();
  readonly #goneDirectories = new Set<string>();

  constructor(lower: LowerTree | undefined) {
    this.#lower = lower;
  }

  /** What stands at a path whose parents are real. */
  entry(path: string): Placed | LowerEntry | undefined {
    const upper = this.#upper.get(path);
    if (upper !== undefined) return upper;
    if (path === "") return ROOT;
    return this.#isGone(path) ? undefined : this.#lower?.entry(path);
  }

  directory(path: string): DirectoryEntry | undefined {
    const entry = this.entry(path);
    return entry?.type === "directory" ? (entry as DirectoryEntry) : undefined;
  }

  /**
   * Where a path leads, all links followed as if `root` were `/`; what is missing on the way is as written.
   * @throws CambiumError `COPY_DESTINATION` for links in a circle.
   */
  resolve(path: string, root = ""): string {
    const below = (part: string) => (root === "" ? part : part === "" ? root : `${root}/${part}`);
    const real = resolveLinks(path, (at) => {
      const entry = this.entry(below(at));
      return entry?.type === "symlink" ? (entry as SymlinkEntry).target : undefined;
    });
    if (real !== undefined) return below(real);
    throw new CambiumError("COPY_DESTINATION", `copy to /${below(path)}: its links go in a circle`, {
      hint: "Copy to where the links were meant to lead.",
    });
  }

  /** Puts an entry where nothing is, or the same kind of thing. */
  put(entry: Placed): void {
    if (entry.type === "directory" && this.#goneDirectories.has(entry.path)) {
      throw new CambiumError("COPY_CONFLICT", `/${entry.path} is a directory, then none, then one again`, {
        hint: "The archive has this path twice as different things; make it anew.",
      });
    }
    assertNoWhiteout(entry.path);
    this.#upper.set(entry.path, entry);
  }

  /** Takes away what is at a path, with all below it. */
  remove(path: string): void {
    const before = this.entry(path);
    if (before === undefined) return;
    if (before.type === "directory") {
      for (const other of [...this.#upper.keys()])
        if (other.startsWith(`${path}/`)) this.#upper.delete(other);
    }
    this.#upper.delete(path);
    const lower = this.#isGone(path) ? undefined : this.#lower?.entry(path);
    if (lower === undefined) return;
    this.#gone.add(path);
    if (lower.type === "directory") this.#goneDirectories.add(path);
  }

  /** All that was put, sorted by `comparePaths`. Of hard links the first is the file. */
  entries(): PlacedEntry[] {
    const files = new Map<object, string>();
    return [...this.#upper.values()]
      .sort((a, b) => comparePaths(a.path, b.path))
      .map((entry): PlacedEntry => {
        if (entry.type !== "file" || entry.link === undefined) return entry;
        const target = files.get(entry.link);
        if (target === undefined) {
          files.set(entry.link, entry.path);
          return entry;
        }
        const { path, mode, uid, gid } = entry;
        return { type: "hardlink", path, mode, uid, gid, target };
      });
  }

  #isGone(path: string): boolean {
    if (this.#gone.size === 0) return false;
    for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
      if (this.#gone.has(at)) return true;
    }
    return false;
  }
}

/** In a layer such a name deletes (image-spec, layer.md, "Whiteouts"); a file cannot have it. */
function assertNoWhiteout(path: string): void {
  if (!path.slice(path.lastIndexOf("/") + 1).startsWith(".wh.")) return;
  throw new CambiumError("COPY_WHITEOUT", `copy to /${path}: a layer cannot hold a file of this name`, {
    hint: "In a layer, names that begin with .wh. delete; rename the file or leave it out with --exclude.",
  });
}
