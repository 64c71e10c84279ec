/** Parts of packages that people may want to keep. */
export type KeptPart = "man" | "info" | "locale" | "doc";

/**
 * Directories that are symlinks in every installed system of a merged-/usr suite, though packages of bookworm still
 * ship files below them, and where those files really are. (Debian wiki, UsrMerge; base-files' postinst for /var)
 */
const MERGED: readonly (readonly [link: string, directory: string])[] = [
  ["bin", "usr/bin"],
  ["sbin", "usr/sbin"],
  ["lib", "usr/lib"],
  ["lib32", "usr/lib32"],
  ["lib64", "usr/lib64"],
  ["libx32", "usr/libx32"],
  ["var/run", "run"],
  ["var/lock", "run/lock"],
];

/**
 * Where a member of a data archive is in the image. A symlink that stands at a merged place, such as trixie's own
 * `bin → usr/bin`, is left alone.
 */
export function mergedPath(path: string, isSymlink: boolean): string {
  for (const [link, directory] of MERGED) {
    if (path === link) return isSymlink ? path : directory;
    if (path.startsWith(`${link}/`)) return directory + path.slice(link.length);
  }
  return path;
}

/**
 * Whether a path (already merged) goes into the image. Left out unless kept: manual pages, info pages, message
 * catalogues, and of the documentation all but `copyright` files, which licences demand, and the links that lead to
 * them. `usr/share/locale/locale.alias` is no catalogue but configuration of libc.
 */
export function isKeptPath(path: string, isDirectory: boolean, keep: ReadonlySet<KeptPart>): boolean {
  const below = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  if (below("usr/share/man")) return keep.has("man");
  if (below("usr/share/info")) return keep.has("info");
  if (below("usr/share/locale")) return keep.has("locale") || path === "usr/share/locale/locale.alias";
  if (below("usr/share/doc") && !keep.has("doc")) {
    const parts = path.split("/").slice(3);
    if (parts.length === 2) return parts[1] === "copyright";
    return parts.length < 2 && !isDirectory;
  }
  return true;
}
