import { CambiumError } from "../errors.ts";
import type { DirectoryEntry, HardlinkEntry } from "../layer/entry.ts";
import type { LayerListing, ListedEntry } from "../layer/listing.ts";
import { type ImageEntry, type ImageNode, ImageTree } from "./image-tree.ts";
import { joined, type Resolved, splitPath, walkTree } from "./walk-tree.ts";

const NO_CHILDREN: Map<string, ImageNode> = new Map();
/** Implied directories count too: few bytes of names can make many. */
const MAX_NODES = 4_000_000;

/**
 * The tree that a stack of layers comes to, lowest first, as container engines apply them: whiteouts and opaque
 * directories first, a directory over a directory changes its metadata, anything else replaces what is there, and a path
 * through a symlink of a lower layer lands where that leads inside the root.
 * @throws CambiumError `LAYER_PARENT`, `LAYER_LINK`, `LAYER_DUPLICATE` where the layers contradict each other,
 *   `ARCHIVE_LIMIT`; `where` names the image.
 */
export function mergeListings(layers: readonly LayerListing[], where: string): ImageTree {
  const merge = new ListingMerge(where);
  for (const layer of layers) merge.apply(layer);
  return new ImageTree(merge.root);
}

/** Told of what a layer does to those below it, before it is done; paths are real ones. */
export interface MergeWatch {
  /** A whiteout, whether something is there or not. */
  removed(path: string): void;
  /** An opaque directory. */
  emptied(path: string): void;
  /** A directory that the layer states, and what stood there. */
  directory(entry: DirectoryEntry, before: ImageNode | undefined): void;
}

/** `mergeListings`, a layer at a time. */
export class ListingMerge {
  readonly root: ImageNode = directoryNode(0);
  readonly #where: string;
  readonly #watch: MergeWatch | undefined;
  #layer = -1;
  #diffId = "";
  #nodes = 0;

  constructor(where: string, watch?: MergeWatch) {
    this.#where = where;
    this.#watch = watch;
  }

  apply({ diffId, entries, whiteouts, opaques, late, contents }: LayerListing): void {
    this.#layer += 1;
    this.#diffId = diffId;
    const links: HardlinkEntry[] = [];
    for (const path of late) this.#assertNotReplacing(path);
    // Directories come first: one that replaces a symlink is what an opaque marker in it speaks of.
    for (const entry of entries) if (entry.type === "directory") this.#putDirectory(entry);
    for (const path of opaques) {
      const directory = this.#parent(path, path);
      this.#watch?.emptied(directory.path);
      this.#empty(directory);
    }
    for (const path of whiteouts) this.#whiteOut(path);
    for (const entry of entries) {
      if (entry.type === "hardlink") links.push(entry);
      else if (entry.type !== "directory") this.#put(entry, contents.get(entry.path));
    }
    for (const entry of links) this.#link(entry);
  }

  /** What stood in the tar before the directory went where a link of a lower layer leads, or nowhere. */
  #assertNotReplacing(path: string): void {
    const [parent, name] = splitPath(path);
    const trail = walkTree(this.root, parent, () => undefined);
    const before = typeof trail === "string" ? undefined : trail.at(-1)?.node.children.get(name);
    if (before === undefined || before.kind === "directory") return;
    throw this.#error("LAYER_PARENT", path, "replaces what is no directory, after something was put into it");
  }

  #putDirectory(entry: DirectoryEntry): void {
    const [parent, name] = splitPath(entry.path);
    const { path, node } = this.#parent(parent, entry.path);
    const before = node.children.get(name);
    this.#watch?.directory({ ...entry, path: joined(path, name) }, before);
    if (before?.kind !== "directory") {
      this.#set(node, name, { ...directoryNode(this.#layer), entry });
      return;
    }
    if (before.layer === this.#layer && before.entry !== undefined && !isSame(before.entry, entry)) {
      throw this.#twice(entry.path);
    }
    before.entry = entry;
    before.layer = this.#layer;
  }

  #put(entry: ImageEntry, content: Uint8Array | undefined, inode?: object): void {
    const [parentPath, name] = splitPath(entry.path);
    const { node: parent } = this.#parent(parentPath, entry.path);
    const before = parent.children.get(name);
    // Two paths of one layer may lead here through a symlink below: their order in the tar is not known any more.
    if (before !== undefined && this.#isStatedHere(before) && !isSame(before.entry, entry)) {
      throw this.#twice(entry.path);
    }
    const isLink = entry.type === "symlink";
    const kind = isLink ? "symlink" : "other";
    const target = isLink ? entry.target : "";
    const node: ImageNode = { kind, children: NO_CHILDREN, target, entry, content, layer: this.#layer };
    this.#set(parent, name, inode === undefined ? node : { ...node, inode });
  }

  #link(entry: HardlinkEntry): void {
    const [parent, name] = splitPath(entry.target);
    const found = this.#parent(parent, entry.target).node.children.get(name);
    if (found?.entry === undefined || found.kind === "directory") {
      const target = JSON.stringify(entry.target);
      throw this.#error("LAYER_LINK", entry.path, `a hard link, but no file is at ${target}`);
    }
    found.inode ??= {};
    this.#put({ ...found.entry, path: entry.path }, found.content, found.inode);
  }

  #whiteOut(path: string): void {
    const [parent, name] = splitPath(path);
    const { path: real, node } = this.#parent(parent, path);
    this.#watch?.removed(joined(real, name));
    const found = node.children.get(name);
    if (found !== undefined) this.#removeLower(node, name, found);
  }

  #empty({ node }: Resolved<ImageNode>): void {
    for (const [name, child] of [...node.children]) this.#removeLower(node, name, child);
  }

  /** A directory that this layer states stays, without what lower layers have in it. */
  #removeLower(parent: ImageNode, name: string, node: ImageNode): void {
    for (const [child, below] of [...node.children]) this.#removeLower(node, child, below);
    if (node.layer < this.#layer && node.children.size === 0) parent.children.delete(name);
  }

  #isStatedHere(node: ImageNode): boolean {
    return (
      node.layer === this.#layer || [...node.children.values()].some((child) => this.#isStatedHere(child))
    );
  }

  /** The directory to put something in, made where no layer states it. */
  #parent(path: string, of: string): Resolved<ImageNode> {
    const trail = walkTree(this.root, path, (_, parent, name) => {
      return this.#set(parent, name, directoryNode(this.#layer));
    });
    if (typeof trail === "string") throw this.#error("LAYER_PARENT", of, trail);
    return trail.at(-1)!;
  }

  #set(parent: ImageNode, name: string, node: ImageNode): ImageNode {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) {
      throw new CambiumError("ARCHIVE_LIMIT", `${this.#where}: more than ${MAX_NODES} paths`, {
        hint: "No usual image is like this; check where it comes from.",
      });
    }
    parent.children.set(name, node);
    return node;
  }

  #twice(path: string): CambiumError {
    return this.#error("LAYER_DUPLICATE", path, "another path of this layer leads to the same place");
  }

  #error(
    code: "LAYER_DUPLICATE" | "LAYER_LINK" | "LAYER_PARENT",
    path: string,
    problem: string,
  ): CambiumError {
    const message = `${this.#where}: layer with diff id ${this.#diffId}: ${JSON.stringify(path)}: ${problem}`;
    return new CambiumError(code, message, {
      hint: "The image's layers contradict each other; `cambium validate` names all such places.",
    });
  }
}

function directoryNode(layer: number): ImageNode {
  return { kind: "directory", children: new Map(), target: "", entry: undefined, content: undefined, layer };
}

/** Whether two entries are the same but for their path. */
function isSame(a: ListedEntry | undefined, b: ListedEntry): boolean {
  return a !== undefined && JSON.stringify({ ...a, path: "" }) === JSON.stringify({ ...b, path: "" });
}
