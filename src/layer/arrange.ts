import { CambiumError } from "../errors.ts";
import { comparePaths, type DirectoryEntry, type SymlinkEntry } from "./entry.ts";
import type { Segment, SegmentEntry } from "./segment.ts";

/** A segment among others: what of it lands elsewhere or not at all. */
export type ArrangedSegment = {
  readonly segment: Segment;
  /** Paths whose parent is a symlink of another segment, and where they truly land. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Paths that another segment wins. */
  readonly omitted: ReadonlySet<string>;
};

/** Two segments state different content for one path. */
export type Conflict = { readonly path: string; readonly winner: string; readonly loser: string };

export type ArrangedTier = {
  readonly segments: readonly ArrangedSegment[];
  /** Directories whose metadata a segment of this tier or a lower one states; the others are 0755 root:root. */
  readonly directories: ReadonlyMap<string, DirectoryEntry>;
};

/** The segments of one snapshot, put in relation to each other. */
export type Arrangement = {
  /** As given, lowest first. */
  readonly tiers: readonly ArrangedTier[];
  readonly conflicts: readonly Conflict[];
};

/** The file tree that all segments stand on, such as that of an image of a registry. */
export interface TreeBelow {
  /** What stands at a path itself, whose parents are real directories; undefined where nothing does. */
  entry(path: string): { readonly type: string } | undefined;
}

const BARE: TreeBelow = { entry: () => undefined };
const NOTHING: ReadonlySet<string> = new Set();
const NOWHERE: ReadonlyMap<string, string> = new Map();
const MAX_LINKS = 40;

/**
 * Brings the segments of a snapshot together, whatever layers they will go to:
 * - a path below a symlink of the snapshot is rewritten to where it truly lands (nothing may hide a symlink);
 * - equal duplicates are left to the composition of layers;
 * - of differing ones within a tier the later in order wins, as if the packages had been installed in that order, and
 *   the other is left out and reported;
 * - a higher tier wins by standing in a higher layer, so nothing is left out for it;
 * - a directory of the tree below keeps its metadata, whatever a segment states of it.
 * `tiers` come lowest first (packages of the base, of a language, the user's files), and segments in the order of their
 * rank.
 * @throws CambiumError `LAYER_CONFLICT` when one path is a directory here and something else there.
 */
export function arrange(tiers: readonly (readonly Segment[])[], below: TreeBelow = BARE): Arrangement {
  const segments = tiers.flat();
  const tierOf = tiers.flatMap((tier, index) => tier.map(() => index));
  const ownLinks = new Map<string, string>();
  for (const segment of segments) {
    for (const entry of segment.entries) if (entry.type === "symlink") ownLinks.set(entry.path, entry.target);
  }
  const linkAt = (path: string): string | undefined => ownLinks.get(path) ?? linkOf(below.entry(path));

  const owners = new Map<string, { rank: number; entry: SegmentEntry }>();
  const directories: Map<string, DirectoryEntry>[] = [];
  const stated = new Map<string, { name: string; tier: number }>();
  const parents = new Map<string, string>();
  const renamed: Map<string, string>[] = [];
  const omitted: Set<string>[] = [];
  const conflicts: Conflict[] = [];
  const resolveParent = parentResolver(linkAt);

  segments.forEach((segment, rank) => {
    const tier = tierOf[rank] as number;
    directories[tier] ??= new Map(directories.findLast((it) => it !== undefined));
    const known = directories[tier];
    const moves = new Map<string, string>();
    renamed.push(moves);
    omitted.push(new Set());
    for (const entry of segment.entries) {
      const path = landing(entry.path, resolveParent);
      if (path !== entry.path) moves.set(entry.path, path);
      const isParent = parents.has(path);
      noteParents(path, segment.name, parents);
      if (entry.type === "directory") {
        const link = linkAt(path);
        // A directory entry at a symlink's own path means the directory behind the link (/lib of an unmerged package).
        const real = link === undefined ? path : resolveParent(path);
        if (real !== entry.path) moves.set(entry.path, real);
        const underneath = directoryOf(below.entry(real));
        if (underneath !== undefined) {
          if (!known.has(real)) known.set(real, underneath);
          continue;
        }
        // What is there already keeps its metadata: a copy into /tmp must not take its sticky bit.
        if (entry.isImplied && (known.has(real) || isParent)) continue;
        const other = known.get(real);
        const by = stated.get(real);
        if (other !== undefined && by?.tier === tier && !isSame(other, entry)) {
          conflicts.push({ path: real, winner: segment.name, loser: by.name });
        }
        const { isImplied: _, ...stateable } = entry;
        known.set(real, { ...stateable, path: real });
        stated.set(real, { name: segment.name, tier });
        continue;
      }
      assertReplaceable(path, entry, segment.name, below, resolveParent);
      const other = owners.get(path);
      if (other === undefined) {
        owners.set(path, { rank, entry });
      } else if (!isSame(other.entry, entry)) {
        if (tierOf[other.rank] === tier) {
          conflicts.push({ path, winner: segment.name, loser: segments[other.rank]?.name ?? "" });
          omitted[other.rank]?.add(other.entry.path);
        }
        owners.set(path, { rank, entry });
      }
    }
  });

  for (const [path, { name }] of stated) parents.set(path, name);
  for (const [path, by] of parents) {
    const other = owners.get(path);
    if (other !== undefined) {
      throw new CambiumError(
        "LAYER_CONFLICT",
        `${path}: a directory in ${by}, a ${other.entry.type} in ${segments[other.rank]?.name}`,
        { hint: "These two packages cannot stand in one image: leave one of them out." },
      );
    }
  }
  for (const [path, by] of parents) {
    const underneath = below.entry(path);
    if (underneath === undefined) continue;
    const directory = directoryOf(underneath);
    if (directory === undefined) throw conflictBelow(path, "directory", by, underneath.type);
    for (const known of directories) if (known !== undefined && !known.has(path)) known.set(path, directory);
  }
  let next = 0;
  const arranged = (segment: Segment): ArrangedSegment => {
    const rank = next++;
    return { segment, renamed: renamed[rank] ?? NOWHERE, omitted: omitted[rank] ?? NOTHING };
  };
  return {
    tiers: tiers.map((tier, index) => ({
      segments: tier.map(arranged),
      directories:
        directories[index] ?? directories.slice(0, index).findLast((it) => it !== undefined) ?? new Map(),
    })),
    conflicts: conflicts.sort((a, b) => comparePaths(a.path, b.path)),
  };
}

function linkOf(entry: { readonly type: string } | undefined): string | undefined {
  return entry?.type === "symlink" ? (entry as SymlinkEntry).target : undefined;
}

function directoryOf(entry: { readonly type: string } | undefined): DirectoryEntry | undefined {
  return entry?.type === "directory" ? (entry as DirectoryEntry) : undefined;
}

/** A file may replace a file of the tree below, never a directory or what leads to one: that would hide it. */
function assertReplaceable(
  path: string,
  entry: SegmentEntry,
  by: string,
  below: TreeBelow,
  resolveParent: (path: string) => string,
): void {
  const underneath = below.entry(path);
  if (underneath === undefined) return;
  if (underneath.type === "directory") throw conflictBelow(path, entry.type, by, "directory");
  const target = linkOf(underneath);
  if (target === undefined || (entry.type === "symlink" && entry.target === target)) return;
  const led = below.entry(
    resolveParent(normalize(target.startsWith("/") ? target : `${parentOf(path)}/${target}`)),
  );
  if (led?.type === "directory") throw conflictBelow(path, entry.type, by, "link to a directory");
}

function conflictBelow(path: string, type: string, by: string, below: string): CambiumError {
  return new CambiumError("LAYER_CONFLICT", `${path}: a ${type} in ${by}, a ${below} in the base`, {
    hint: "The base has something else in that place: choose another base, or leave the package out.",
  });
}

/** Same content and metadata: one may stand for the other. */
export function isSame(a: SegmentEntry, b: SegmentEntry): boolean {
  if (a.type !== b.type || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.type === "symlink") return a.target === (b as typeof a).target;
  if (a.mode !== b.mode) return false;
  if (a.type === "hardlink") return a.target === (b as typeof a).target;
  if (a.type === "file") return a.digest === (b as typeof a).digest;
  if (a.type !== "character" && a.type !== "block") return true;
  const { major, minor } = (b as typeof a).device;
  return a.device.major === major && a.device.minor === minor;
}

/** The directory part of a path; empty for the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

function landing(path: string, resolveParent: (path: string) => string): string {
  const parent = parentOf(path);
  if (parent === "") return path;
  const real = resolveParent(parent);
  return real === parent ? path : `${real === "" ? "" : `${real}/`}${path.slice(parent.length + 1)}`;
}

function noteParents(path: string, by: string, parents: Map<string, string>): void {
  for (let parent = parentOf(path); parent !== "" && !parents.has(parent); parent = parentOf(parent)) {
    parents.set(parent, by);
  }
}

/** Where a directory path leads when every symlink on the way is followed, inside the root. */
function parentResolver(linkAt: (path: string) => string | undefined): (path: string) => string {
  const known = new Map<string, string>([["", ""]]);
  const resolve = (path: string, depth: number): string => {
    const before = known.get(path);
    if (before !== undefined) return before;
    if (depth > MAX_LINKS) {
      throw new CambiumError("LAYER_LINK_LOOP", `${path}: more than ${MAX_LINKS} symlinks on the way`);
    }
    const parent = resolve(parentOf(path), depth);
    const name = path.slice(parentOf(path) === "" ? 0 : parentOf(path).length + 1);
    const here = parent === "" ? name : `${parent}/${name}`;
    const target = linkAt(here);
    let real = here;
    if (target !== undefined) {
      real = resolve(normalize(target.startsWith("/") ? target : `${parent}/${target}`), depth + 1);
    }
    known.set(path, real);
    return real;
  };
  return (path) => resolve(path, 0);
}

/** `a/./b/../c` → `a/c`; never above the root, as the kernel has it. */
function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
