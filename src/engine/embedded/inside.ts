import { lstatSync, readFileSync, readlinkSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { CambiumError } from "../../errors.ts";

/** As many links as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;
/** passwd and group of large sites stay far below. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * Where `path` leads when `root` is `/`: links in the image are followed inside it, never out to the host.
 * Undefined when a part is missing.
 * @throws CambiumError `ROOTFS_LINKS` for links in a circle.
 */
export function resolveInside(root: string, path: string): string | undefined {
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
    const full = join(root, ...trail, part);
    const found = lstatSync(full, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    if (!found.isSymbolicLink()) {
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
    const target = readlinkSync(full);
    if (target.startsWith("/")) trail.length = 0;
    parts.push(...target.split("/").reverse());
  }
  return join(root, ...trail);
}

/** The text of a small regular file of the image; empty when there is none. */
export function textInside(root: string, path: string): string {
  const full = resolveInside(root, path);
  if (full === undefined) return "";
  const found = lstatSync(full);
  return found.isFile() && found.size <= MAX_BYTES ? readFileSync(full, "utf8") : "";
}

/**
 * What would have to be made for `path` to be there, outermost first, as paths of the image; none when it is there, or
 * when a link that leads nowhere stands in its way.
 */
export function missingInside(root: string, path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (let count = parts.length; count >= 0; count--) {
    const found = resolveInside(root, `/${parts.slice(0, count).join("/")}`);
    if (found === undefined) continue;
    if (count === parts.length || !lstatSync(found).isDirectory()) return [];
    if (lstatSync(join(found, parts[count]!), { throwIfNoEntry: false }) !== undefined) return [];
    const base = found.slice(root.length);
    return parts.slice(count).map((_, n) => `${base}/${parts.slice(count, count + n + 1).join("/")}`);
  }
  return [];
}

/**
 * Removes a path that `missingInside` gave, if it is an empty directory or file by now and no link has taken a parent's
 * place.
 */
export function removeEmptyInside(root: string, path: string): void {
  const full = join(root, path);
  if (resolveInside(root, dirname(path)) !== dirname(full)) return;
  const found = lstatSync(full, { throwIfNoEntry: false });
  try {
    if (found?.isDirectory() === true) rmdirSync(full);
    else if (found?.isFile() === true && found.size === 0) unlinkSync(full);
  } catch {
    // Not empty, or of an account that a plain user may not touch: then it is the step's.
  }
}
