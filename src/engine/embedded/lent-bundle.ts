import { chmodSync, mkdirSync, readFileSync, rmSync, type Stats, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type FileView, resolveInside } from "./inside.ts";

/** Where Debian and Alpine, RedHat and SUSE have all certificates in one file; links among them lead to one. */
const PLACES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
];

/**
 * Puts the host's certificates, as a layer of its own for one step, where the image has such a file. Not a mount: a step
 * that installs certificates replaces the file, and nothing can be renamed over a mount.
 * @returns the paths, as paths of the image; those of which a parent is not root's as usual are left alone.
 */
export function lendBundle(view: FileView, bundle: Uint8Array, folder: string, rootUid: number): string[] {
  const found = PLACES.map((place) => resolveInside(view, place)).filter((path) => path !== undefined);
  return [...new Set(found)].filter((path) => {
    const parents = parentsOf(path).map((parent) => [parent, view(parent)?.stats] as const);
    const isUsual = (stats: Stats | undefined) => stats?.uid === rootUid && (stats.mode & 0o7777) === 0o755;
    if (view(path)?.stats.isFile() !== true || !parents.every(([, stats]) => isUsual(stats))) return false;
    for (const [parent] of parents) {
      mkdirSync(join(folder, parent), { recursive: true });
      chmodSync(join(folder, parent), 0o755);
    }
    writeFileSync(join(folder, path), bundle, { mode: 0o644 });
    chmodSync(join(folder, path), 0o644);
    for (const [parent, stats] of parents) utimesSync(join(folder, parent), stats!.atime, stats!.mtime);
    return true;
  });
}

/** A step that only changed the owner of all files has copied the bundle into its changes: that is not its doing. */
export function takeBackBundle(upper: string, paths: readonly string[], bundle: Uint8Array): void {
  for (const path of paths) {
    const file = join(upper, path);
    if (isCopy(file, bundle)) rmSync(file, { force: true });
  }
}

function isCopy(file: string, bundle: Uint8Array): boolean {
  try {
    return Buffer.compare(readFileSync(file), bundle) === 0;
  } catch {
    return false;
  }
}

/** Innermost first, so that the time of each is set when nothing more comes into it. */
function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = dirname(path); at !== "/"; at = dirname(at)) parents.push(at);
  return parents;
}
