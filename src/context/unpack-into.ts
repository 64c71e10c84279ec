import { parentOf } from "../layer/arrange.ts";
import type { DirectoryEntry } from "../layer/entry.ts";
import { below, type CopyTarget, cleaned, makeDirectories } from "./copy-into.ts";
import type { SourceTree } from "./source-tree.ts";
import type { TargetTree } from "./target-tree.ts";

/**
 * Unpacks an archive into a stage, as ADD of BuildKit 0.32.2 does: the destination is its root, so links in it lead
 * nowhere else; a directory gives its metadata to one that is there, everything else replaces what is there, also a
 * directory. Owners are the archive's unless `owner` is given; modes are always the archive's.
 * @throws CambiumError `COPY_DESTINATION`, `COPY_CONFLICT`, `COPY_WHITEOUT`.
 */
export function unpackInto(
  target: TargetTree,
  archive: SourceTree,
  { destination, owner }: Pick<CopyTarget, "destination" | "owner">,
): void {
  const root = target.resolve(cleaned(destination));
  makeDirectories(target, root, owner === undefined ? {} : { owner });
  const links = new Map<string, object>();
  for (const entry of archive.source.entries) {
    const parent = target.resolve(parentOf(entry.path), root);
    // Those that the archive does not state are root's, whoever owns the rest.
    makeDirectories(target, parent, { owner: { uid: 0, gid: 0 } });
    const path = below(parent, entry.path.slice(entry.path.lastIndexOf("/") + 1));
    const there = target.entry(path);
    if (there !== undefined && (there.type !== "directory" || entry.type !== "directory"))
      target.remove(path);
    const common = { path, ...(owner ?? { uid: entry.uid, gid: entry.gid }) };
    if (entry.type === "directory") {
      const before = there?.type === "directory" ? (there as DirectoryEntry).xattrs : undefined;
      const xattrs = { ...before, ...entry.xattrs };
      const { xattrs: _, ...stated } = entry;
      target.put({ ...stated, ...common, ...(Object.keys(xattrs).length > 0 && { xattrs }) });
    } else if (entry.type === "file") {
      const { inode, ...file } = entry;
      if (inode !== undefined && !links.has(inode)) links.set(inode, {});
      const link = inode === undefined ? undefined : links.get(inode);
      target.put({ ...file, ...common, from: archive.source, content: entry, ...(link && { link }) });
    } else {
      target.put({ ...entry, ...common });
    }
  }
}
