import { GLIBC_LOADERS } from "../../linux/libc.ts";
import type { Architecture, Suite } from "../lock.ts";
import type { Tree } from "../tree.ts";
import type { DpkgRecord } from "./dpkg-info.ts";

type Diversion = readonly [from: string, to: string, by: string];

/**
 * dpkg's diversions as preinsts and postinsts leave them, by path: paths that packages lay claim to beside the file.
 * - bookworm: dash has the shell, and its page where there are pages, from a time when bash had it;
 * - trixie: libraries moved from /lib to /usr/lib, and their old paths are diverted so that removing an older package
 *   does not take them along; base-files does so for the top-level links that it does not have, which are those whose
 *   folders under /usr it waits for.
 */
export function diversions(
  tree: Tree,
  records: readonly DpkgRecord[],
  suite: Suite,
  architecture: Architecture,
): string {
  const made = suite === "bookworm" ? shellDiversions(tree) : mergedDiversions(records, architecture);
  const sorted = made.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map((lines) => lines.map((line) => `${line}\n`).join("")).join("");
}

function shellDiversions(tree: Tree): Diversion[] {
  if (tree.resolve("usr/bin/dash") === undefined) return [];
  const page = "/usr/share/man/man1/sh";
  const hasPages = tree.resolve("usr/share/man/man1") !== undefined;
  const pages: Diversion[] = hasPages ? [[`${page}.1.gz`, `${page}.distrib.1.gz`, "dash"]] : [];
  return [["/bin/sh", "/bin/sh.distrib", "dash"], ...pages];
}

function mergedDiversions(records: readonly DpkgRecord[], architecture: Architecture): Diversion[] {
  const aside = (path: string, by: string): Diversion => [path, `${path}.usr-is-merged`, by];
  return records.flatMap(({ name, listed, interests }): Diversion[] => {
    switch (name) {
      case "base-files": {
        const folders = interests.flatMap(
          ({ trigger }) => /^\/usr\/(lib[a-z0-9]*)$/.exec(trigger)?.[1] ?? [],
        );
        return folders.map((folder) => [`/${folder}`, `/.${folder}.usr-is-merged`, name]);
      }
      case "libc6":
        return [aside(`/${GLIBC_LOADERS[architecture]}`, name)];
      case "libreadline8t64": {
        const libraries = [...listed].filter((path) =>
          /^usr\/lib\/.*\/lib(history|readline)\.so\./.test(path),
        );
        return libraries.map((path) => aside(path.slice("usr".length), name));
      }
      default:
        return [];
    }
  });
}
