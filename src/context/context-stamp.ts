import { digestOf } from "../layer/digest.ts";
import { isGlob } from "./glob.ts";
import type { ContextFile } from "./walk.ts";

/** Ticks of the clocks that stamp files: 10 ms at most where a stamp has parts of a millisecond, else 2 s, as on FAT. */
const FINE_TICK_MS = 100;
const COARSE_TICK_MS = 2_000;

/**
 * Whether a file may change again, after `atMs`, without its stamps showing it, since it changed within the same tick of
 * the clock that stamps it. Git calls such files racy.
 */
export function isRacy({ ctimeNs }: Pick<ContextFile, "ctimeNs">, atMs: number): boolean {
  const tickMs = ctimeNs % 1_000_000n === 0n ? COARSE_TICK_MS : FINE_TICK_MS;
  return Number(ctimeNs / 1_000_000n) + tickMs >= atMs;
}

/**
 * Changes whenever what is copied from `paths` may have, without a file being read: a digest of the stamps of all that
 * such a copy can reach. Undefined: a file changed just now. Times of directories are left out, as no copy has them.
 * @param files of a walk that began at `walkedMs`
 * @param paths as a COPY names them, with wildcards
 */
export function contextStamp(
  files: readonly ContextFile[],
  paths: readonly string[],
  walkedMs: number,
): string | undefined {
  const lines: string[] = [];
  for (const file of reachable(files, paths)) {
    const { path, type, mode, size, mtimeNs, ctimeNs, inode, target } = file;
    if (type === "file" && isRacy(file, walkedMs)) return undefined;
    const stamps = type === "file" ? [size, mtimeNs, ctimeNs, inode] : [target];
    lines.push([path, type, mode, ...stamps].join("\0"));
  }
  return digestOf(lines.join("\n"));
}

/** What stands at, above and below the paths; everything where a link may lead elsewhere. */
function reachable(files: readonly ContextFile[], paths: readonly string[]): readonly ContextFile[] {
  const named = paths.map(namedPart);
  if (named.some(({ path }) => path === "")) return files;
  const reached: ContextFile[] = [];
  for (const file of files) {
    for (const { path, isPattern } of named) {
      const isAbove = path === file.path || path.startsWith(`${file.path}/`);
      if (!isAbove && !file.path.startsWith(`${path}/`)) continue;
      if (file.type === "symlink" && (isAbove || isPattern)) return files;
      reached.push(file);
      break;
    }
  }
  return reached;
}

/** The part of a path before its first wildcard; empty for the root, and for what may leave the part again. */
function namedPart(written: string): { readonly path: string; readonly isPattern: boolean } {
  const parts = written.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return { path: "", isPattern: true };
  const first = parts.findIndex(isGlob);
  return first === -1
    ? { path: parts.join("/"), isPattern: false }
    : { path: parts.slice(0, first).join("/"), isPattern: true };
}
