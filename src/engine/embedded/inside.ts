import {
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CambiumError } from "../../errors.ts";
import { WHITEOUT_PREFIX } from "../../layer/whiteout.ts";
import { errnoOf } from "../../store/io-error.ts";
import { OPAQUE_NAMES } from "./upper-members.ts";

/** As many links as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;
/** passwd and group of large sites stay far below. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * The files of an image, however they are at hand. Gives the file of the host that stands for `path`, absolute in the
 * image and free of links but at its end; undefined when nothing is there.
 */
export type FileView = (path: string) => { readonly file: string; readonly stats: Stats } | undefined;

/** A folder, or a mounted image. */
export function folderView(root: string): FileView {
  return (path) => {
    const file = join(root, path);
    const stats = lstatOrNothing(file);
    return stats && { file, stats };
  };
}

/** Folders over each other, bottom up, with whiteouts as files or devices: what fuse-overlayfs makes of them, read without it. */
export function layeredView(folders: readonly string[]): FileView {
  const downwards = [...folders].reverse();
  return (path) => {
    for (const folder of downwards) {
      const file = join(folder, path);
      const stats = lstatOrNothing(file);
      if (stats !== undefined) return isDeletion(stats) ? undefined : { file, stats };
      if (hidesBelow(folder, path)) return undefined;
    }
    return undefined;
  };
}

/** Whether a folder that has nothing at `path` keeps lower ones from showing through there. */
function hidesBelow(folder: string, path: string): boolean {
  for (let at = path; at !== "/"; at = dirname(at)) {
    const parent = join(folder, dirname(at));
    const found = lstatOrNothing(join(folder, at));
    if (found !== undefined && !found.isDirectory()) return true;
    const name = at.slice(at.lastIndexOf("/") + 1);
    const above = [`${WHITEOUT_PREFIX}${name}`, ...OPAQUE_NAMES];
    if (above.some((mark) => lstatOrNothing(join(parent, mark)) !== undefined)) return true;
  }
  return false;
}

function isDeletion(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}

/** Below something that is no directory there is nothing. */
function lstatOrNothing(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * What `look` finds, or `otherwise` where directories of other accounts keep a plain user out: what is there is then left
 * to the runtime, which is root inside.
 */
export function ifOpen<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) === "EACCES") return otherwise;
    throw error;
  }
}

/**
 * Where `path` leads, as a path of the image without links: they are followed inside it, never out to the host.
 * Undefined when a part is missing.
 * @throws CambiumError `ROOTFS_LINKS` for links in a circle.
 */
export function resolveInside(view: FileView, path: string): string | undefined {
  const parts = path.split("/").reverse();
  const trail: string[] = [];
  let links = 0;
  while (parts.length > 0) {
    const part = parts.pop()!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      trail.pop();
      continue;
    }
    const found = view(`/${[...trail, part].join("/")}`);
    if (found === undefined) return undefined;
    if (!found.stats.isSymbolicLink()) {
      trail.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) {
      throw new CambiumError(
        "ROOTFS_LINKS",
        `more than ${MAX_LINKS} links in ${JSON.stringify(path)} of the image`,
        {
          hint: "The image's links go in a circle; `cambium inspect` shows its layers.",
        },
      );
    }
    const target = readlinkSync(found.file);
    if (target.startsWith("/")) trail.length = 0;
    parts.push(...target.split("/").reverse());
  }
  return `/${trail.join("/")}`;
}

/** The text of a small regular file of the image; empty when there is none. */
export function textInside(view: FileView, path: string): string {
  const resolved = resolveInside(view, path);
  const found = resolved === undefined ? undefined : view(resolved);
  if (found === undefined || !found.stats.isFile() || found.stats.size > MAX_BYTES) return "";
  return readFileSync(found.file, "utf8");
}

/**
 * What would have to be made for `path` to be there, outermost first, as paths of the image; none when it is there, or
 * when a link that leads nowhere stands in its way.
 */
export function missingInside(view: FileView, path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (let count = parts.length - 1; count >= 0; count--) {
    const found = resolveInside(view, `/${parts.slice(0, count).join("/")}`);
    if (found === undefined) continue;
    const base = found === "/" ? "" : found;
    if (view(`${base}/${parts[count]}`) !== undefined) return [];
    if (base !== "" && view(base)?.stats.isDirectory() !== true) return [];
    return parts.slice(count).map((_, n) => `${base}/${parts.slice(count, count + n + 1).join("/")}`);
  }
  return [];
}

/**
 * Removes `path` below a folder of changes, if it is an empty directory or file there, reached through no link. `marks`
 * are names that do not count.
 */
export function removeIfEmpty(folder: string, path: string, marks: readonly string[]): void {
  for (let at = dirname(path); at !== "/"; at = dirname(at)) {
    if (lstatOrNothing(join(folder, at))?.isDirectory() !== true) return;
  }
  const file = join(folder, path);
  const found = lstatOrNothing(file);
  try {
    if (found?.isDirectory() === true) {
      const names = readdirSync(file);
      if (names.every((name) => marks.includes(name))) for (const name of names) unlinkSync(join(file, name));
      rmdirSync(file);
    }
    if (found?.isFile() === true && found.size === 0) unlinkSync(file);
  } catch {
    // Not empty, or of an account that a plain user may not touch: then it is the step's.
  }
}
