import type { Digest } from "./digest.ts";

/** 1980-01-02 00:00 UTC in seconds: zip tools refuse earlier dates in any time zone (DESIGN §4). */
export const CONSTANT_MTIME = 315619200;

/**
 * `path` is relative to the root, `/`-separated, without leading or trailing slash, `.` or `..`.
 * `mode` holds the permission bits and setuid, setgid, sticky (0o7777).
 */
type EntryBase = {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Values as latin1 strings, since an xattr is bytes. */
  readonly xattrs?: Readonly<Record<string, string>>;
};

/** `size` in bytes, `digest` of the content. */
export type FileEntry = EntryBase & { readonly type: "file"; readonly size: number; readonly digest: Digest };
export type DirectoryEntry = EntryBase & { readonly type: "directory" };
/** `target` is the link's text as written. */
export type SymlinkEntry = EntryBase & { readonly type: "symlink"; readonly target: string };
/** `target` is the path (as in `EntryBase`) of an earlier file of the same segment. */
export type HardlinkEntry = EntryBase & { readonly type: "hardlink"; readonly target: string };

/** One path of a file tree, without its bytes. */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry | HardlinkEntry;

export type DeviceEntry = EntryBase & {
  readonly type: "character" | "block";
  readonly device: { readonly major: number; readonly minor: number };
};
export type FifoEntry = EntryBase & { readonly type: "fifo" };
/** What is no file, directory or link. */
export type SpecialEntry = DeviceEntry | FifoEntry;

/** What unpackers make where a layer states no directory. */
export function plainDirectory(path: string): DirectoryEntry {
  return { type: "directory", path, mode: 0o755, uid: 0, gid: 0 };
}

export function isPlain({ mode, uid, gid, xattrs }: DirectoryEntry): boolean {
  return mode === 0o755 && uid === 0 && gid === 0 && xattrs === undefined;
}

/** Order of the UTF-8 bytes, which is what every tool that sorts with LC_ALL=C gives. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // UTF-16 order differs from UTF-8 order only when a surrogate meets a unit above the surrogates.
    if (x !== y) return (x >= 0xd800 && y >= 0xd800 ? fixSurrogate(x) - fixSurrogate(y) : x - y) < 0 ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

function fixSurrogate(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
