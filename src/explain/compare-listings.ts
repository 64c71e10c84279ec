import type { Difference } from "./difference.ts";
import type { Lens } from "./lens.ts";

/** A path of a file tree, as far as people ask. `content`: digest of a file, text of a link, number of a device. */
export type ListedPath = {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content?: string;
};

export type Listing = readonly ListedPath[];

type PathChange = Pick<Difference, "change" | "aspect" | "before" | "now"> & { readonly path: string };

/** Paths that differ: other content first, then what came and went, then modes and owners. */
export function compareListings(before: Listing, now: Listing, lens: Lens): PathChange[] {
  const earlier = new Map(before.map((entry) => [entry.path, entry]));
  const matched = new Set<string>();
  const changes: PathChange[] = [];
  for (const entry of now) {
    const known = find(earlier, entry.path, lens);
    if (known === undefined) {
      changes.push({ path: entry.path, change: "added" });
      continue;
    }
    matched.add(known.path);
    const change = changeOf(known, entry, lens);
    if (change !== undefined) changes.push({ path: entry.path, ...change });
  }
  for (const { path } of before) {
    if (!matched.has(path)) changes.push({ path: lens.shown(path) ?? "", change: "removed" });
  }
  return changes.sort((a, b) => rank(a) - rank(b));
}

function rank({ change, aspect }: PathChange): number {
  if (change !== "changed") return 1;
  return aspect === "mode" || aspect === "owner" ? 2 : 0;
}

function find(earlier: ReadonlyMap<string, ListedPath>, path: string, lens: Lens): ListedPath | undefined {
  return earlier.get(path) ?? earlier.get(lens.told(path));
}

function changeOf(
  before: ListedPath,
  now: ListedPath,
  lens: Lens,
): Pick<PathChange, "change" | "aspect" | "before" | "now"> | undefined {
  const changed = (aspect: Difference["aspect"] & string, a?: string, b?: string) =>
    ({
      change: "changed",
      aspect,
      ...(a !== undefined && { before: a }),
      ...(b !== undefined && { now: b }),
    }) as const;
  if (before.type !== now.type) return changed("type", before.type, now.type);
  const [a = "", b = ""] = [before.content, now.content];
  if (!lens.same(a, b)) return now.type === "file" ? changed("content") : changed("link", lens.shown(a), b);
  if (before.mode !== now.mode) return changed("mode", octal(before.mode), octal(now.mode));
  if (before.uid !== now.uid || before.gid !== now.gid)
    return changed("owner", ownerOf(before), ownerOf(now));
  return undefined;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function ownerOf({ uid, gid }: ListedPath): string {
  return `${uid}:${gid}`;
}
