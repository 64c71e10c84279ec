import { comparePaths, type DirectoryEntry, plainDirectory } from "../layer/entry.ts";
import type { ListedEntry } from "../layer/listing.ts";
import { joined, type Resolved, splitPath, type TreeNode, walkTree } from "./walk-tree.ts";

/** What an image has at a path: hard links have become files of their own. */
export type ImageEntry = Exclude<ListedEntry, { readonly type: "hardlink" }>;

export interface ImageNode extends TreeNode<ImageNode> {
  /** Undefined for a directory that no layer states: unpackers make it 0755 and root's. */
  entry: ImageEntry | undefined;
  /** What was kept of its content when the layer was read. */
  readonly content: Uint8Array | undefined;
  /** Number of the layer that stated it last. */
  layer: number;
  /** The same object for the hard links of one file; absent where there is one name only. */
  inode?: object;
}

/**
 * The file tree of a whole image, without its bytes. Paths given may have a leading slash; paths in entries are as in
 * `Entry`. Links are followed as if the image's root were `/`.
 */
export class ImageTree {
  readonly #root: ImageNode;
  /** What `#directory` was asked last: callers go through sorted paths, many in one directory. */
  #last: { readonly path: string; readonly found: Resolved<ImageNode> | undefined } | undefined;

  constructor(root: ImageNode) {
    this.#root = root;
  }

  /** What a path leads to, all links followed; its `path` is the real one. */
  lookup(path: string): ImageEntry | undefined {
    const found = this.#find(path);
    return found && entryOf(found);
  }

  /** What stands at a path itself: links are followed on the way there only. */
  entry(path: string): ImageEntry | undefined {
    const found = this.#at(path);
    return found && entryOf(found);
  }

  /** What was kept of a file's content, links followed; undefined if nothing was. */
  read(path: string): Uint8Array | undefined {
    return this.#find(path)?.node.content;
  }

  /** `read` as UTF-8. */
  text(path: string): string | undefined {
    const content = this.read(path);
    return content && Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("utf8");
  }

  /** Names in a directory, links followed, sorted; none if it is no directory. */
  list(directory: string): string[] {
    return [...(this.#directory(directory)?.node.children.keys() ?? [])].sort(comparePaths);
  }

  /** The real directories above a path, from the root's child down; shorter where they do not exist. */
  parents(path: string): DirectoryEntry[] {
    const real: DirectoryEntry[] = [];
    const parts = path.split("/").filter((part) => part !== "");
    for (let depth = 1; depth < parts.length; depth++) {
      const found = this.lookup(parts.slice(0, depth).join("/"));
      if (found?.type !== "directory") break;
      real.push(found);
    }
    return real;
  }

  /** Every path there is below a directory, parents before their children, in the order of names. */
  *entries(directory = ""): Generator<ImageEntry> {
    const found = this.#directory(directory);
    if (found !== undefined) for (const below of nodesBelow(found)) yield entryOf(below);
  }

  /** The files that have several names: by path, an object that is the same for all names of one. */
  inodes(): Map<string, object> {
    const inodes = new Map<string, object>();
    for (const { path, node } of nodesBelow({ path: "", node: this.#root })) {
      if (node.inode !== undefined) inodes.set(path, node.inode);
    }
    return inodes;
  }

  #find(path: string): Resolved<ImageNode> | undefined {
    const found = this.#at(path);
    if (found?.node.kind !== "symlink") return found;
    // As a directory first; if it is none, its parent and the last part, one link less to follow.
    return this.#directory(path) ?? this.#file(found);
  }

  /** What a symlink to something that is no directory leads to. */
  #file(link: Resolved<ImageNode>): Resolved<ImageNode> | undefined {
    let here: Resolved<ImageNode> | undefined = link;
    for (let links = 0; here?.node.kind === "symlink"; links++) {
      if (links > 40) return undefined;
      const { target } = here.node;
      here = this.#at(target.startsWith("/") ? target : `${splitPath(here.path)[0]}/${target}`);
    }
    return here;
  }

  #at(path: string): Resolved<ImageNode> | undefined {
    const [parent, name] = splitPath(path.replace(/\/+$/, ""));
    // `.` and `..` are the directory's, not a name in it.
    if (name === "" || name === "." || name === "..") return this.#directory(path);
    const directory = this.#directory(parent);
    const node = directory?.node.children.get(name);
    return node && { path: joined(directory!.path, name), node };
  }

  #directory(path: string): Resolved<ImageNode> | undefined {
    if (this.#last?.path !== path) {
      const trail = walkTree(this.#root, path, () => undefined);
      this.#last = { path, found: typeof trail === "string" ? undefined : trail.at(-1) };
    }
    return this.#last.found;
  }
}

/** All below a directory, parents before their children, in the order of names. */
export function* nodesBelow(directory: Resolved<ImageNode>): Generator<Resolved<ImageNode>> {
  const names = [...directory.node.children.keys()].sort(comparePaths);
  for (const name of names) {
    const below = { path: joined(directory.path, name), node: directory.node.children.get(name)! };
    yield below;
    if (below.node.kind === "directory") yield* nodesBelow(below);
  }
}

function entryOf({ path, node }: Resolved<ImageNode>): ImageEntry {
  if (node.entry === undefined) return plainDirectory(path);
  return node.entry.path === path ? node.entry : { ...node.entry, path };
}
