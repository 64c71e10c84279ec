import { comparePaths } from "../../layer/entry.ts";
import { WHITEOUT_PREFIX } from "../../layer/whiteout.ts";
import type { FoundPath } from "../../store/found-paths.ts";

export type MountChanges = {
  /** What a layer must state, by path: what is new or other, and the directories around it. Without the root. */
  readonly stated: readonly FoundPath[];
  /** What it must delete: the uppermost of what is gone. */
  readonly gone: readonly string[];
  /** Sockets, devices, and names that a layer cannot hold. */
  readonly leftOut: number;
  /** Bytes of files, each once: of all that is there, and of what is stated. */
  readonly liveBytes: number;
  readonly statedBytes: number;
};

/** Bytes of a tar for a path, besides its content: header and the PAX header of its exact time. */
const HEADER_BYTES = 1536;

/**
 * What makes `now` of `before`. A path is as it was while its inode and its change time are. Of files with several names
 * all are stated as soon as one is, came, or went, so that every hard link is to a file of the same layer. Pure.
 * @param same paths that were touched only, and need not be stated for that
 */
export function mountChanges(
  before: readonly FoundPath[],
  now: readonly FoundPath[],
  same: ReadonlySet<string> = new Set(),
): MountChanges {
  const kept = now.filter(isKept);
  const known = new Map(before.filter(isKept).map((one) => [one.path, one]));
  const here = new Map(kept.map((one) => [one.path, one]));
  const touched = new Set<string>();
  const note = (one: FoundPath) => {
    if (one.links > 1 && one.type !== "d") touched.add(one.inode);
  };
  const changed = new Set<string>();
  for (const one of kept) {
    const old = known.get(one.path);
    if (old !== undefined && (isSame(old, one) || same.has(one.path))) continue;
    changed.add(one.path);
    note(one);
    if (old !== undefined) note(old);
  }
  for (const old of known.values()) if (!here.has(old.path)) note(old);
  if (touched.size > 0) {
    for (const one of kept) if (one.type !== "d" && touched.has(one.inode)) changed.add(one.path);
  }
  const stated = [...withParents(changed)].filter((path) => path !== "").sort(comparePaths);
  const gone = [...known.keys()].filter((path) => !here.has(path) && here.get(parentOf(path))?.type === "d");
  return {
    stated: stated.map((path) => here.get(path)!),
    gone: gone.sort(comparePaths),
    leftOut: now.length - kept.length,
    liveBytes: bytesOf(kept),
    statedBytes: bytesOf(stated.map((path) => here.get(path)!)),
  };
}

function isKept({ path, type }: FoundPath): boolean {
  if (type === "s" || type === "c" || type === "b") return false;
  return !path.includes(WHITEOUT_PREFIX) || !path.split("/").some((name) => name.startsWith(WHITEOUT_PREFIX));
}

/** Nobody can set a change time back. The rest must not differ then; a directory's size is its file system's affair. */
function isSame(a: FoundPath, b: FoundPath): boolean {
  return (
    a.ctime === b.ctime &&
    a.inode === b.inode &&
    a.type === b.type &&
    (a.size === b.size || a.type === "d") &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.target === b.target
  );
}

function withParents(paths: ReadonlySet<string>): Set<string> {
  const all = new Set(paths);
  for (const path of paths) {
    for (let at = parentOf(path); at !== "" && !all.has(at); at = parentOf(at)) all.add(at);
  }
  return all;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function bytesOf(paths: readonly FoundPath[]): number {
  const seen = new Set<string>();
  let sum = 0;
  for (const { type, size, inode, links } of paths) {
    sum += HEADER_BYTES;
    if (type !== "f" || (links > 1 && seen.has(inode))) continue;
    seen.add(inode);
    sum += size;
  }
  return sum;
}
