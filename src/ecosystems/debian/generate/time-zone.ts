import type { SourceEntry } from "../../../layer/files.ts";
import type { Suite } from "../lock.ts";
import type { Tree } from "../tree.ts";
import { file, symlink } from "./entries.ts";

/** UTC, as tzdata's postinst sets it unasked. Trixie's no longer writes /etc/timezone. */
export function timeZone(tree: Tree, suite: Suite): SourceEntry[] {
  if (tree.resolve("usr/share/zoneinfo/Etc/UTC") === undefined) return [];
  const localtime = symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
  return suite === "bookworm" ? [localtime, file("etc/timezone", "Etc/UTC\n")] : [localtime];
}
