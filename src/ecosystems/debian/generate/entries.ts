import type { SourceEntry } from "../../../layer/files.ts";

/** Entries as maintainer scripts make them: owned by root, umask 022, unless said otherwise. */
type Ownership = { readonly mode?: number; readonly uid?: number; readonly gid?: number };

export function file(path: string, content: string | Uint8Array, owner: Ownership = {}): SourceEntry {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return {
    type: "file",
    path,
    mode: owner.mode ?? 0o644,
    uid: owner.uid ?? 0,
    gid: owner.gid ?? 0,
    content: bytes,
  };
}

export function directory(path: string, owner: Ownership = {}): SourceEntry {
  return { type: "directory", path, mode: owner.mode ?? 0o755, uid: owner.uid ?? 0, gid: owner.gid ?? 0 };
}

export function symlink(path: string, target: string): SourceEntry {
  return { type: "symlink", path, mode: 0o777, uid: 0, gid: 0, target };
}
