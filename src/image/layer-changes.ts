import { plainDirectory } from "../layer/entry.ts";
import type { LayerListing } from "../layer/listing.ts";
import { ImageTree, nodesBelow } from "./image-tree.ts";
import { ListingMerge } from "./merge-listings.ts";
import { EMPTY_TREE, type FlatTree, flatTree, isEqualEntry } from "./tree-difference.ts";

/** What some layers do to those below them, by real paths. */
export type LayerChanges = {
  /** Of the layers below alone: nothing, when they stand on nothing. */
  readonly over: FlatTree;
  /** Of all together. */
  readonly tree: FlatTree;
  /** Paths that they state and still have. */
  readonly stated: ReadonlySet<string>;
  /**
   * Of those the directories whose mode, owner or attributes they mean: they differ from what was there before, or, where
   * nothing was, from what every unpacker makes of a missing directory.
   */
  readonly meant: ReadonlySet<string>;
  /** What lower layers lose, whether it is there or not. */
  readonly removed: ReadonlySet<string>;
  /** Directories whose contents lower layers lose. */
  readonly emptied: ReadonlySet<string>;
};

/**
 * Reads the changes of layers `own` off their listings; `over` are those that they were made on, lowest first.
 * @throws CambiumError as `mergeListings`.
 */
export function layerChanges(
  over: readonly LayerListing[],
  own: readonly LayerListing[],
  where: string,
): LayerChanges {
  const meant = new Set<string>();
  const removed = new Set<string>();
  const emptied = new Set<string>();
  let isOwn = false;
  const merge = new ListingMerge(where, {
    removed: (path) => {
      if (isOwn) removed.add(path);
    },
    emptied: (path) => {
      if (isOwn) emptied.add(path);
    },
    directory: (entry, before) => {
      if (!isOwn) return;
      const { path } = entry;
      // A file of a lower one of these layers hid what is below them all, and does so no more.
      if (before !== undefined && before.kind !== "directory" && before.layer >= over.length)
        removed.add(path);
      const directory = before?.kind === "directory" ? before.entry : undefined;
      if (!isEqualEntry(directory ?? plainDirectory(path), entry)) meant.add(path);
      else if (before?.kind !== "directory") meant.delete(path);
    },
  });
  for (const listing of over) merge.apply(listing);
  const overTree = over.length === 0 ? EMPTY_TREE : flatTree(new ImageTree(merge.root));
  isOwn = true;
  for (const listing of own) merge.apply(listing);
  const stated = new Set<string>();
  for (const { path, node } of nodesBelow({ path: "", node: merge.root })) {
    if (node.layer >= over.length) stated.add(path);
  }
  return { over: overTree, tree: flatTree(new ImageTree(merge.root)), stated, meant, removed, emptied };
}
