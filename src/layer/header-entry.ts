import type { TarEntry } from "./read-tar.ts";
import type { HeaderEntry } from "./tar-header.ts";
import type { TarMember } from "./write-tar.ts";

/** What a member of a tar that was read states of itself, to be written into another. */
export function headerEntry(entry: TarEntry): HeaderEntry {
  const { path, mode, uid, gid, type, target = "", device = { major: 0, minor: 0 }, xattrs } = entry;
  const common = { path, mode, uid, gid, ...(xattrs !== undefined && { xattrs }) };
  switch (type) {
    case "file":
      return { ...common, type, size: entry.size };
    case "directory":
    case "fifo":
      return { ...common, type };
    case "symlink":
    case "hardlink":
      return { ...common, type, target };
    default:
      return { ...common, type, device };
  }
}

/** A member's time, exact. */
export function timeOf({
  mtimeSec,
  mtimeText,
}: Pick<TarMember, "mtimeSec" | "mtimeText">): Pick<TarMember, "mtimeSec" | "mtimeText"> {
  return { mtimeSec, ...(mtimeText !== undefined && { mtimeText }) };
}
