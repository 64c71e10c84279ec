import type { Emit } from "../../events.ts";
import { comparePaths } from "../../layer/entry.ts";
import { headerEntry, timeOf } from "../../layer/header-entry.ts";
import type { Layer } from "../../layer/layer.ts";
import { paddingOf } from "../../layer/tar-header.ts";
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from "../../layer/whiteout.ts";
import { type TarMember, tarMemberHeader } from "../../layer/write-tar.ts";
import type { Image } from "../image.ts";
import { layerEntries } from "../layer-entries.ts";
import { writeAtomically } from "./atomic-file.ts";

/**
 * The root filesystem as one tar, layers merged: what a higher layer states replaces what is below. All directories come
 * first, so that each has its mode before anything is put into it. Reads each layer twice, first to learn which entries
 * survive, so memory holds paths but no content.
 * @throws CambiumError `OUTPUT_UNWRITABLE`, `DISK_FULL`, `ARCHIVE_…`.
 */
export async function writeRootfsTar(image: Image, dest: string, emit: Emit): Promise<void> {
  await writeAtomically(dest, rootfsTar(image.layers));
  emit({ type: "output", kind: "tar", where: dest, digest: image.manifest.descriptor.digest });
}

export async function* rootfsTar(layers: readonly Layer[]): AsyncGenerator<Uint8Array> {
  const owners = await survivingEntries(layers);
  const directories = [...owners.values()].flatMap(({ directory }) => directory ?? []);
  for (const member of directories.sort((a, b) => comparePaths(a.entry.path, b.entry.path))) {
    yield tarMemberHeader(member);
  }
  for (const [index, layer] of layers.entries()) {
    for await (const entry of layerEntries(layer)) {
      const owner = owners.get(entry.path);
      if (owner?.layer !== index || owner.directory !== undefined) continue;
      const kept = headerEntry(entry);
      yield tarMemberHeader({ entry: kept, ...timeOf(entry) });
      if (kept.type !== "file") continue;
      yield* entry.content();
      yield new Uint8Array(paddingOf(kept.size));
    }
  }
  yield new Uint8Array(1024);
}

type Timed = Omit<TarMember, "content">;

/** Who has the last word on a path. */
type Owner = { readonly layer: number; readonly directory: Timed | undefined };

/** For each path the layer whose entry is the final one; whiteouts take away what lower layers have. */
async function survivingEntries(layers: readonly Layer[]): Promise<Map<string, Owner>> {
  const owners = new Map<string, Owner>();
  const removeBelow = (path: string, layer: number) => {
    for (const [other, owner] of owners)
      if (other.startsWith(`${path}/`) && owner.layer < layer) owners.delete(other);
  };
  for (const [index, layer] of layers.entries()) {
    for await (const entry of layerEntries(layer)) {
      const slash = entry.path.lastIndexOf("/");
      const name = entry.path.slice(slash + 1);
      const parent = slash === -1 ? "" : entry.path.slice(0, slash);
      if (name === OPAQUE_MARKER) {
        removeBelow(parent, index);
      } else if (name.startsWith(WHITEOUT_PREFIX)) {
        const hidden = `${parent === "" ? "" : `${parent}/`}${name.slice(WHITEOUT_PREFIX.length)}`;
        owners.delete(hidden);
        removeBelow(hidden, index);
      } else {
        const kept = entry.type === "directory" ? headerEntry(entry) : undefined;
        const directory = kept && { entry: kept, ...timeOf(entry) };
        if (owners.get(entry.path)?.directory && !directory) removeBelow(entry.path, index);
        owners.set(entry.path, { layer: index, directory });
      }
    }
  }
  return owners;
}
