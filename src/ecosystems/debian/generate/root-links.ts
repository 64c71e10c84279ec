import type { Segment } from "../../../layer/segment.ts";

/** The top-level directories that merged /usr makes links of. (file-hierarchy(7); Debian's usrmerge) */
const LINKS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/**
 * `bin → usr/bin` and so on: what `usr-is-merged` systems have and debootstrap makes, wherever the directory under
 * /usr exists and no package ships the link (base-files of trixie does).
 */
export function rootLinks(segments: readonly Segment[]): Map<string, string> {
  const paths = segments.flatMap((segment) => segment.entries.map((entry) => entry.path));
  return new Map(
    LINKS.filter((name) => !paths.includes(name))
      .filter((name) => paths.some((path) => path === `usr/${name}` || path.startsWith(`usr/${name}/`)))
      .map((name) => [name, `usr/${name}`]),
  );
}
