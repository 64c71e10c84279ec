import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CambiumError, usageError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import type { Layer } from "../../layer/layer.ts";
import type { TarEntry } from "../../layer/read-tar.ts";
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from "../../layer/whiteout.ts";
import { layerEntries } from "../layer-entries.ts";
import { joined, type Resolved } from "../walk-tree.ts";
import { outputError } from "./output-error.ts";
import { type Attributes, RootfsFiles } from "./rootfs-files.ts";
import { directoryNode, otherNode, type RootfsNode, resolveDirectory, symlinkNode } from "./rootfs-tree.ts";

const IMPLIED: Attributes = { mode: 0o755, uid: 0, gid: 0, mtimeSec: 0 };

export type RootfsResult = { readonly entries: number; readonly bytes: number };

/**
 * Unpacks an image's layers, in order, into the folder `dest`, which must be empty or absent: whiteouts, hard links,
 * modes, times to the microsecond; owners only for root. Links inside are followed as if `dest` were `/`, decided by
 * what was written and not by what the disk says, so nothing leads out of it. Devices and xattrs need calls that Node
 * lacks: they are left out, and one notice says so. On failure the folder is emptied again.
 * @throws CambiumError `OUTPUT_EXISTS`, `OUTPUT_UNWRITABLE`, `DISK_FULL`, `ROOTFS_PARENT`, `ROOTFS_LINK`, `ARCHIVE_…`.
 */
export async function extractRootfs(
  image: { readonly layers: readonly Layer[] },
  dest: string,
  emit: Emit,
  options: { readonly signal?: AbortSignal; readonly keepsOwners?: boolean } = {},
): Promise<RootfsResult> {
  prepareFolder(dest);
  const keepsOwners = options.keepsOwners ?? process.geteuid?.() === 0;
  const extraction = new Extraction(new RootfsFiles(dest, keepsOwners));
  try {
    for (const [number, layer] of image.layers.entries()) {
      for await (const entry of layerEntries(layer)) {
        options.signal?.throwIfAborted();
        await extraction.apply(entry, number);
      }
    }
    extraction.files.finishDirectories();
  } catch (error) {
    for (const name of readdirSync(dest)) rmSync(join(dest, name), { recursive: true, force: true });
    throw outputError(error, dest);
  }
  for (const message of extraction.notices(keepsOwners)) emit({ type: "notice", message });
  return { entries: extraction.entries, bytes: extraction.bytes };
}

function prepareFolder(dest: string): void {
  let names: string[];
  try {
    mkdirSync(dest, { recursive: true });
    names = readdirSync(dest);
  } catch (error) {
    throw outputError(error, dest);
  }
  if (names.length > 0) {
    throw usageError(
      "OUTPUT_EXISTS",
      `the output folder ${dest} is not empty: it has ${JSON.stringify(names[0])}`,
      "Choose another dest, or remove what is there.",
    );
  }
}

class Extraction {
  readonly files: RootfsFiles;
  readonly #root = directoryNode(0);
  entries = 0;
  bytes = 0;
  #devices = 0;
  #xattrs = 0;
  #owned = 0;

  constructor(files: RootfsFiles) {
    this.files = files;
  }

  async apply(entry: TarEntry, layer: number): Promise<void> {
    const slash = entry.path.lastIndexOf("/");
    const name = entry.path.slice(slash + 1);
    const parent = this.#resolve(slash === -1 ? "" : entry.path.slice(0, slash), layer);
    if (name.startsWith(WHITEOUT_PREFIX)) {
      this.#whiteOut(parent, name, layer);
      return;
    }
    this.entries += 1;
    if (entry.uid !== 0 || entry.gid !== 0) this.#owned += 1;
    if (entry.xattrs !== undefined) this.#xattrs += 1;
    const path = joined(parent.path, name);
    const before = parent.node.children.get(name);
    if (entry.type === "directory" && before?.kind === "directory") {
      before.layer = layer;
      this.files.noteDirectory(path, entry);
      return;
    }
    // The target is looked up before the old entry goes: it may be the target itself.
    const target = entry.type === "hardlink" ? this.#linkTarget(entry, path, layer) : undefined;
    if (target?.path === path) return;
    if (before !== undefined) this.#remove(parent, name, before);
    const node = await this.#write(path, entry, target, layer);
    if (node !== undefined) parent.node.children.set(name, node);
  }

  notices(keepsOwners: boolean): string[] {
    const lost = [
      [this.#devices, "device nodes and pipes were left out, since making them needs mknod"],
      [this.#xattrs, "entries lost their extended attributes, such as file capabilities"],
      [
        keepsOwners ? 0 : this.#owned,
        "entries belong to you instead of their owners, since only root can give them away",
      ],
    ] as const;
    return lost.filter(([count]) => count > 0).map(([count, what]) => `root filesystem: ${count} ${what}`);
  }

  async #write(path: string, entry: TarEntry, target: Resolved<RootfsNode> | undefined, layer: number) {
    switch (entry.type) {
      case "directory":
        this.files.makeDirectory(path, entry);
        return directoryNode(layer);
      case "symlink":
        this.files.makeSymlink(path, entry.target ?? "", entry);
        return symlinkNode(layer, entry.target ?? "");
      case "hardlink":
        this.files.makeHardlink(path, target?.path ?? "");
        return target?.node.kind === "symlink" ? symlinkNode(layer, target.node.target) : otherNode(layer);
      case "file":
        this.bytes += await this.files.makeFile(path, entry.content(), entry);
        return otherNode(layer);
      default:
        this.#devices += 1;
        return undefined;
    }
  }

  #resolve(path: string, layer: number): Resolved<RootfsNode> {
    return resolveDirectory(this.#root, path, (below, parent, name) => {
      this.files.makeDirectory(below, IMPLIED);
      const node = directoryNode(layer);
      parent.children.set(name, node);
      return node;
    });
  }

  #linkTarget(entry: TarEntry, path: string, layer: number): Resolved<RootfsNode> {
    const wanted = entry.target ?? "";
    const slash = wanted.lastIndexOf("/");
    const parent = this.#resolve(slash === -1 ? "" : wanted.slice(0, slash), layer);
    const found = parent.node.children.get(wanted.slice(slash + 1));
    if (found === undefined || found.kind === "directory") {
      throw new CambiumError(
        "ROOTFS_LINK",
        `hard link ${JSON.stringify(path)}: no file at its target ${JSON.stringify(wanted)}`,
        { hint: "The image's layers contradict each other; `cambium validate` names the layer." },
      );
    }
    return { path: joined(parent.path, wanted.slice(slash + 1)), node: found };
  }

  /** Whiteouts hide what lower layers brought, never what this layer has (image-spec, layer.md). */
  #whiteOut(parent: Resolved<RootfsNode>, name: string, layer: number): void {
    if (name === OPAQUE_MARKER) {
      for (const [child, node] of [...parent.node.children]) this.#removeBelow(parent, child, node, layer);
      return;
    }
    const hidden = name.slice(WHITEOUT_PREFIX.length);
    const node = parent.node.children.get(hidden);
    if (node !== undefined) this.#removeBelow(parent, hidden, node, layer);
  }

  #removeBelow(parent: Resolved<RootfsNode>, name: string, node: RootfsNode, layer: number): void {
    const here: Resolved<RootfsNode> = { path: joined(parent.path, name), node };
    for (const [child, below] of [...node.children]) this.#removeBelow(here, child, below, layer);
    if (node.layer < layer && node.children.size === 0) this.#remove(parent, name, node);
  }

  #remove(parent: Resolved<RootfsNode>, name: string, node: RootfsNode): void {
    this.files.remove(joined(parent.path, name), node.kind === "directory");
    parent.node.children.delete(name);
  }
}
