import { CambiumError } from "../../errors.ts";
import { parentOf } from "../../layer/arrange.ts";
import { digestOf } from "../../layer/digest.ts";
import type { DirectoryEntry } from "../../layer/entry.ts";
import type { LayerListing, ListedEntry } from "../../layer/listing.ts";
import { ListingBuilder } from "../../layer/listing-builder.ts";
import type { TarEntry } from "../../layer/read-tar.ts";
import type { TarMember } from "../../layer/write-tar.ts";

export type TreeForm = {
  /** The xattr that makes a directory of an overlay opaque; absent: whiteouts stay the files that they are. */
  readonly opaqueAttribute?: string;
  /** False in a user namespace, where no device node can be made: they are left out, as containerd does. */
  readonly hasDevices: boolean;
  /** Metadata of a directory that the layer puts something into without stating it: what is below has it. */
  readonly impliedDirectory: (path: string) => ImpliedDirectory;
};
export type ImpliedDirectory = Omit<DirectoryEntry, "path" | "type"> & { readonly mtimeSec: number };

/** Files are not hashed for a tree, which is held to its diff id as a whole. */
const NO_DIGEST = digestOf("");
/** Times of what is made here, since the tar states none: the same on every machine. */
const MADE_SEC = 0;

/**
 * A layer's members as those of a folder that overlayfs can lay over others: a whiteout becomes a character device 0/0
 * or, where the layer states a directory there, marks that opaque. Everything is stated where it lands, so that no
 * member's path leads through a link. Pure; memory: what a listing takes.
 * @throws CambiumError as `ListingBuilder`.
 */
export async function* treeMembers(
  entries: AsyncIterable<TarEntry>,
  where: string,
  form: TreeForm,
): AsyncGenerator<TarMember> {
  const builder = new ListingBuilder(where);
  const directoryTimes = new Map<string, Pick<TarMember, "mtimeSec" | "mtimeText">>();
  for await (const entry of entries) {
    const path = builder.place(entry);
    if (path === undefined) {
      if (form.opaqueAttribute === undefined) yield { entry: { ...entry, type: "file" }, ...timeOf(entry) };
      continue;
    }
    const listed = builder.put(path, entry, NO_DIGEST);
    const time = timeOf(entry);
    if (listed.type === "directory") directoryTimes.set(path, time);
    const isDevice = listed.type === "character" || listed.type === "block";
    if (isDevice && !form.hasDevices) continue;
    yield { entry: listed, ...time, ...(listed.type === "file" ? { content: entry.content() } : {}) };
  }
  yield* deletions(builder.finish(), directoryTimes, where, form);
}

function* deletions(
  listing: Pick<LayerListing, "entries" | "whiteouts" | "opaques">,
  times: ReadonlyMap<string, Pick<TarMember, "mtimeSec" | "mtimeText">>,
  where: string,
  form: TreeForm,
): Generator<TarMember> {
  if (listing.opaques.includes("")) {
    throw new CambiumError("LAYER_WHITEOUT", `${where}: deletes everything below it`, {
      hint: "An overlay has no mark for that; have the image built anew without the layers below.",
    });
  }
  const stated = new Map(listing.entries.map((entry) => [entry.path, entry]));
  const implied = new Set<string>();
  for (const path of [...stated.keys(), ...listing.whiteouts, ...listing.opaques.map((at) => `${at}/`)]) {
    for (let at = parentOf(path); at !== "" && !stated.has(at) && !implied.has(at); at = parentOf(at)) {
      implied.add(at);
    }
  }
  const isDirectory = (path: string) => stated.get(path)?.type === "directory" || implied.has(path);
  const opaques = new Set([...listing.opaques, ...listing.whiteouts.filter(isDirectory)]);
  for (const path of listing.whiteouts) {
    if (form.opaqueAttribute === undefined) break;
    if (!stated.has(path) && !implied.has(path)) yield { entry: deletion(path), mtimeSec: MADE_SEC };
  }
  // Directories last: what came into them since changed their times.
  for (const path of [...implied].sort()) {
    const { mtimeSec, ...rest } = form.impliedDirectory(path);
    yield { entry: marked({ type: "directory", path, ...rest }, opaques, form), mtimeSec };
  }
  for (const path of opaques) {
    const entry = stated.get(path);
    if (entry?.type !== "directory") continue;
    yield { entry: marked(entry, opaques, form), ...(times.get(path) ?? { mtimeSec: MADE_SEC }) };
  }
}

function marked(entry: DirectoryEntry, opaques: ReadonlySet<string>, form: TreeForm): DirectoryEntry {
  const { opaqueAttribute } = form;
  if (opaqueAttribute === undefined || !opaques.has(entry.path)) return entry;
  return { ...entry, xattrs: { ...entry.xattrs, [opaqueAttribute]: "y" } };
}

function deletion(path: string): ListedEntry {
  return { type: "character", path, mode: 0, uid: 0, gid: 0, device: { major: 0, minor: 0 } };
}

function timeOf({ mtimeSec, mtimeText }: TarEntry): Pick<TarMember, "mtimeSec" | "mtimeText"> {
  return { mtimeSec, ...(mtimeText === undefined ? {} : { mtimeText }) };
}
