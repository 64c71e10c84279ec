import type { ImageTree } from "../../../image/image-tree.ts";
import type { NormalizedName } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { normalizedVersion } from "../standards/wheel-filename.ts";

/** A distribution that an image has. `location` is the folder of its metadata's parent, as in `Entry`. */
export type InstalledDistribution = {
  readonly name: NormalizedName;
  /** PEP 440, normalised. */
  readonly version: string;
  readonly location: string;
};

/**
 * The distributions in folders of packages, by the names of their metadata: `NAME-VERSION.dist-info`, and the older
 * `NAME-VERSION[-pyX.Y].egg-info`. Of one name in several folders the first folder counts, as in `sys.path`.
 * Sorted by name. (packaging.python.org, recording installed packages)
 */
export function installedIn(tree: ImageTree, folders: readonly string[]): InstalledDistribution[] {
  const found = new Map<NormalizedName, InstalledDistribution>();
  for (const location of folders) {
    for (const entry of tree.list(location)) {
      const match = /^(.+?)-(\d[^-]*|[^-]+)(?:-py\d(?:\.\d+)?)?\.(?:dist|egg)-info$/.exec(entry);
      const version = match === null ? undefined : normalizedVersion(match[2]!);
      // pip, too, passes over what has no name or version there.
      if (match === null || version === undefined || !/^[a-z0-9](?:[\w.-]*[a-z0-9])?$/i.test(match[1]!))
        continue;
      const name = parseProjectName(match[1]!, location);
      if (!found.has(name)) found.set(name, { name, version, location });
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
