import { comparePaths } from "../layer/entry.ts";
import { resolveLinks } from "../layer/resolve-links.ts";
import type { ContentEntry, ContentSource } from "./content-source.ts";

/** Of a directory that nothing states, and of the root. */
function plainDirectory(path: string): ContentEntry {
  return { type: "directory", path, mode: 0o755, uid: 0, gid: 0 };
}

const trees = new WeakMap<ContentSource, SourceTree>();

/** The tree of a source, made once: several copies take files from a context or stage. */
export function sourceTree(source: ContentSource): SourceTree {
  const tree = trees.get(source) ?? new SourceTree(source);
  trees.set(source, tree);
  return tree;
}

/** The entries of a source as a tree. Links never lead out of it: its root is `/` to them. */
export class SourceTree {
  readonly source: ContentSource;
  readonly #entries = new Map<string, ContentEntry>();
  readonly #names = new Map<string, string[]>();

  constructor(source: ContentSource) {
    this.source = source;
    this.#entries.set("", plainDirectory(""));
    for (const entry of source.entries) this.#add(entry);
    for (const names of this.#names.values()) names.sort(comparePaths);
  }

  /** What stands at a path whose parents are real directories; `""` is the root. */
  entry(path: string): ContentEntry | undefined {
    return this.#entries.get(path);
  }

  /** Names in a directory, sorted. */
  names(directory: string): readonly string[] {
    return this.#names.get(directory) ?? [];
  }

  /** Where a path leads, whether something is there or not; undefined when its links go in a circle. */
  resolve(path: string): string | undefined {
    return resolveLinks(path, (at) => {
      const entry = this.#entries.get(at);
      return entry?.type === "symlink" ? entry.target : undefined;
    });
  }

  #add(entry: ContentEntry): void {
    const isNew = !this.#entries.has(entry.path);
    this.#entries.set(entry.path, entry);
    if (!isNew) return;
    const slash = entry.path.lastIndexOf("/");
    const parent = slash === -1 ? "" : entry.path.slice(0, slash);
    const names = this.#names.get(parent);
    if (names === undefined) this.#names.set(parent, [entry.path.slice(slash + 1)]);
    else names.push(entry.path.slice(slash + 1));
    if (!this.#entries.has(parent)) this.#add(plainDirectory(parent));
  }
}
