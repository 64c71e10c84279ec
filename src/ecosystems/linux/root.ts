import { type Account, type Group, parseAccounts, parseGroups } from "../../image/accounts.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import type { WantedFile } from "../../layer/listing.ts";
import type { Platform } from "../../platform.ts";
import { type Libc, libcOf, wantedLibc } from "./libc.ts";
import { librariesOf, wantedLoaderConfig } from "./libraries.ts";

/** What an image's root tells of the system in it, whoever packed it. */
export type LinuxRoot = {
  /** Undefined: no C library for the platform, so only static programs run. */
  readonly libc: Libc | undefined;
  /** File names of the libraries that programs find. */
  readonly libraries: ReadonlySet<string>;
  /** Whether nothing of `/bin`, `/sbin`, `/lib` and `/lib64` lies outside `/usr`. */
  readonly isMergedUsr: boolean;
  readonly accounts: readonly Account[];
  readonly groups: readonly Group[];
  /** Of os-release(5): `debian`, `alpine`; `bookworm`. Undefined where it does not say. */
  readonly distribution: string | undefined;
  readonly codename: string | undefined;
};

/** Tables of accounts with some 10,000 lines are the largest in use. */
const MAX_TEXT_BYTES = 4 << 20;
const TEXTS = /^(?:etc\/(?:passwd|group|g?shadow|os-release)|usr\/lib\/os-release)$/;

/** Files that `readLinuxRoot` reads. */
export function wantedOfRoot(path: string): WantedFile | undefined {
  if (TEXTS.test(path)) return { maxBytes: MAX_TEXT_BYTES };
  return wantedLoaderConfig(path) ?? wantedLibc(path);
}

/** `libraryPath` is LD_LIBRARY_PATH of the image's config, or empty. */
export function readLinuxRoot(
  tree: ImageTree,
  architecture: Platform["architecture"],
  libraryPath: string,
): LinuxRoot {
  const release = parseOsRelease(tree.text("etc/os-release") ?? tree.text("usr/lib/os-release") ?? "");
  return {
    libc: libcOf(tree, architecture),
    libraries: librariesOf(tree, architecture, libraryPath),
    isMergedUsr: ["bin", "sbin", "lib", "lib64"].every((name) => isBelowUsr(tree, name)),
    accounts: parseAccounts(tree.text("etc/passwd") ?? ""),
    groups: parseGroups(tree.text("etc/group") ?? ""),
    distribution: release.get("ID"),
    codename: release.get("VERSION_CODENAME"),
  };
}

/** Where there is nothing, nothing can be hidden; a link may lead to a directory that no package has filled yet. */
function isBelowUsr(tree: ImageTree, name: string): boolean {
  const entry = tree.entry(name);
  const target = entry?.type === "symlink" ? entry.target.replace(/^\//, "") : undefined;
  const real = tree.lookup(name)?.path ?? target;
  return entry === undefined || real?.startsWith("usr/") === true;
}

/** `NAME=value` lines, the value perhaps in quotes (os-release(5)). */
function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*$/.exec(line);
    if (match !== null) values.set(match[1]!, match[2] ?? match[3] ?? match[4] ?? "");
  }
  return values;
}
