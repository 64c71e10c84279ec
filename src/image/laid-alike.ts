import { parentOf } from "../layer/arrange.ts";
import { isPlain } from "../layer/entry.ts";
import type { LayerListing } from "../layer/listing.ts";
import type { FlatTree } from "./tree-difference.ts";

/**
 * Whether a layer comes to the same on `tree` in every engine. Some make a directory that a layer does not state anew,
 * 0755 and root's, and hide a link that stands there.
 */
export function isLaidAlike(listing: LayerListing, tree: FlatTree): boolean {
  const { entries, whiteouts, opaques } = listing;
  const known = new Set<string>();
  for (const { type, path } of entries) if (type === "directory") known.add(path);
  const isAlike = (path: string): boolean => {
    for (let at = path; at !== "" && !known.has(at); at = parentOf(at)) {
      known.add(at);
      const entry = tree.entries.get(at);
      if (entry !== undefined && (entry.type !== "directory" || !isPlain(entry))) return false;
    }
    return true;
  };
  return (
    entries.every(({ path }) => isAlike(parentOf(path))) &&
    whiteouts.every((path) => isAlike(parentOf(path))) &&
    opaques.every(isAlike)
  );
}
