import { CambiumError } from "../errors.ts";
import type { Digest } from "./digest.ts";
import { comparePaths, type HardlinkEntry } from "./entry.ts";
import type { LayerListing, ListedEntry } from "./listing.ts";
import type { TarEntry } from "./read-tar.ts";
import { resolveLinks } from "./resolve-links.ts";
import { OPAQUE_MARKER, whiteoutOf } from "./whiteout.ts";

/** NAME_MAX of Linux's filesystems, in bytes. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;
/** Directories on the way; the deepest trees known, of node_modules, have some 50. */
const MAX_DEPTH = 256;
/** All paths, link targets and xattrs of a layer: 300,000 files of a large one come to some 30 MB. */
const MAX_TEXT_BYTES = 96 * 2 ** 20;

/**
 * Collects a layer's members, in the order of its tar, into what they come to on disk: a member replaces an earlier one
 * of its path, and a path that leads through a symlink of the same layer is stated where it lands, as container engines
 * unpack it. Where the order would hide something, the layer is refused: a directory that replaces a file or the other
 * way round, members below a file, a hard link's target that changes after it.
 */
export class ListingBuilder {
  readonly #where: string;
  readonly #entries = new Map<string, ListedEntry>();
  readonly #whiteouts = new Set<string>();
  readonly #opaques = new Set<string>();
  /** Targets of hard links so far. */
  readonly #linked = new Set<string>();
  /** Directories that something is in but that are not stated so far. */
  readonly #implied = new Set<string>();
  readonly #late = new Set<string>();
  #hasSymlinks = false;
  #textBytes = 0;

  constructor(where: string) {
    this.#where = where;
  }

  /**
   * Where a member lands; undefined for whiteouts, which are noted.
   * @throws CambiumError `LAYER_WHITEOUT`, `LAYER_PARENT`, `ARCHIVE_LIMIT`.
   */
  place(entry: TarEntry): string | undefined {
    this.#count(entry);
    const whiteout = whiteoutOf(entry, this.#where);
    if (whiteout === undefined) return this.#landing(entry.path);
    if (whiteout.kind === "opaque") {
      const directory = this.#resolved(whiteout.path);
      this.#opaques.add(directory);
      this.#noteParents(`${directory}/${OPAQUE_MARKER}`);
    } else {
      const landing = this.#landing(whiteout.path);
      this.#whiteouts.add(landing);
      this.#noteParents(landing);
    }
    return undefined;
  }

  /**
   * States a member at the path that `place` gave; `digest` of the content for a file. A hard link comes back with the
   * file itself as its target.
   * @throws CambiumError `LAYER_DUPLICATE`, `LAYER_LINK`, `LAYER_OVERLAY`.
   */
  put(path: string, entry: TarEntry, digest: Digest): ListedEntry {
    assertNoOverlay(entry, this.#where);
    const listed = this.#listed(path, entry, digest);
    const before = this.#entries.get(path);
    if (before !== undefined && (before.type === "directory") !== (listed.type === "directory")) {
      throw this.#error(
        "LAYER_DUPLICATE",
        path,
        `stands there twice, as ${before.type} and as ${listed.type}`,
      );
    }
    if (this.#linked.has(path) && !isSame(before, listed)) {
      throw this.#error("LAYER_LINK", path, "changes after a hard link to it");
    }
    if (listed.type === "symlink") this.#hasSymlinks = true;
    if (listed.type === "directory" && this.#implied.delete(path)) this.#late.add(path);
    this.#noteParents(path);
    this.#entries.set(path, listed);
    return listed;
  }

  /** @throws CambiumError `LAYER_PARENT` for a member, or a hard link's target, below something that is no directory. */
  finish(): Pick<LayerListing, "entries" | "whiteouts" | "opaques" | "late"> {
    const checked = new Set<string>();
    const markers = [...this.#opaques].map((directory) => `${directory}/${OPAQUE_MARKER}`);
    for (const path of [...this.#entries.keys(), ...this.#linked, ...this.#whiteouts, ...markers]) {
      this.#assertParents(path, checked);
    }
    const entries = [...this.#entries.values()].sort((a, b) => comparePaths(a.path, b.path));
    const sorted = (paths: ReadonlySet<string>) => [...paths].sort(comparePaths);
    return {
      entries,
      whiteouts: sorted(this.#whiteouts),
      opaques: sorted(this.#opaques),
      late: sorted(this.#late),
    };
  }

  #listed(path: string, entry: TarEntry, digest: Digest): ListedEntry {
    const { mode, uid, gid, xattrs, size, device, type } = entry;
    const base = { path, mode, uid, gid, ...(xattrs !== undefined && { xattrs }) };
    switch (type) {
      case "file":
        return { ...base, type, size, digest };
      case "directory":
      case "fifo":
        return { ...base, type };
      case "symlink":
        return { ...base, type, target: entry.target ?? "" };
      case "hardlink":
        return this.#hardlink({ ...base, type, target: entry.target ?? "" });
      default:
        return { ...base, type, device: device ?? { major: 0, minor: 0 } };
    }
  }

  /** Names the file itself, not another link to it, so that links can be made in any order. */
  #hardlink(entry: HardlinkEntry): HardlinkEntry {
    const landed = this.#landing(entry.target);
    const found = this.#entries.get(landed);
    const target = found?.type === "hardlink" ? found.target : landed;
    if (found?.type === "directory")
      throw this.#error("LAYER_LINK", entry.path, "a hard link to a directory");
    if (target === entry.path) throw this.#error("LAYER_LINK", entry.path, "a hard link to itself");
    this.#linked.add(target);
    return { ...entry, target };
  }

  /** The path with its parents resolved, as far as this layer has symlinks there. */
  #landing(path: string): string {
    if (!this.#hasSymlinks) return path;
    const slash = path.lastIndexOf("/");
    if (slash === -1) return path;
    const parent = this.#resolved(path.slice(0, slash));
    const name = path.slice(slash + 1);
    const landed = parent === "" ? name : `${parent}/${name}`;
    if (Buffer.byteLength(landed) > MAX_PATH_BYTES)
      throw this.#limit(`a path of more than ${MAX_PATH_BYTES} bytes`);
    return landed;
  }

  #resolved(directory: string): string {
    if (!this.#hasSymlinks) return directory;
    const resolved = resolveLinks(directory, (path) => {
      const found = this.#entries.get(path);
      return found?.type === "symlink" ? found.target : undefined;
    });
    if (resolved === undefined) throw this.#error("LAYER_PARENT", directory, "its links go in a circle");
    return resolved;
  }

  #noteParents(path: string): void {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      if (this.#implied.has(parent) || this.#entries.has(parent)) return;
      this.#implied.add(parent);
    }
  }

  #assertParents(path: string, checked: Set<string>): void {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const parent = path.slice(0, at);
      if (checked.has(parent)) return;
      checked.add(parent);
      const found = this.#entries.get(parent);
      if (found !== undefined && found.type !== "directory") {
        throw this.#error("LAYER_PARENT", path, `its parent ${JSON.stringify(parent)} is a ${found.type}`);
      }
    }
  }

  #count({ path, target = "", xattrs = {} }: TarEntry): void {
    const parts = path.split("/");
    if (parts.length > MAX_DEPTH) throw this.#limit(`a path of more than ${MAX_DEPTH} parts`);
    if (path.length > MAX_NAME_BYTES / 4 && parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
      throw this.#limit(`a name of more than ${MAX_NAME_BYTES} bytes`);
    }
    this.#textBytes += path.length + target.length;
    for (const [name, value] of Object.entries(xattrs)) this.#textBytes += name.length + value.length;
    if (this.#textBytes > MAX_TEXT_BYTES) throw this.#limit(`more than ${MAX_TEXT_BYTES} bytes of names`);
  }

  #limit(problem: string): CambiumError {
    return new CambiumError("ARCHIVE_LIMIT", `${this.#where}: ${problem}`, {
      hint: "No usual image is like this; check where it comes from.",
    });
  }

  #error(
    code: "LAYER_DUPLICATE" | "LAYER_LINK" | "LAYER_PARENT",
    path: string,
    problem: string,
  ): CambiumError {
    return new CambiumError(code, `${this.#where}: ${JSON.stringify(path)}: ${problem}`, {
      hint: "What it comes to depends on who unpacks it; have the image built anew.",
    });
  }
}

/** On overlayfs a character device 0:0 deletes, and xattrs of these names hide or redirect: whiteouts in disguise. */
function assertNoOverlay({ path, type, device, xattrs }: TarEntry, where: string): void {
  const isDeletion = type === "character" && device?.major === 0 && device.minor === 0;
  const attribute = Object.keys(xattrs ?? {}).find((name) => /^(?:trusted|user)\.overlay\./.test(name));
  if (!isDeletion && attribute === undefined) return;
  const what = isDeletion ? "a character device 0:0" : `the extended attribute ${JSON.stringify(attribute)}`;
  throw new CambiumError("LAYER_OVERLAY", `${where}: ${JSON.stringify(path)}: ${what} speaks to overlayfs`, {
    hint: "A layer deletes with whiteout files; have the image built anew.",
  });
}

function isSame(a: ListedEntry | undefined, b: ListedEntry): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
