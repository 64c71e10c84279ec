import { CambiumError } from "../errors.ts";
import { digestOf } from "../layer/digest.ts";
import { comparePaths } from "../layer/entry.ts";
import { timeOf } from "../layer/header-entry.ts";
import type { Layer } from "../layer/layer.ts";
import { ListingBuilder } from "../layer/listing-builder.ts";
import { readTar, type TarEntry } from "../layer/read-tar.ts";
import type { TarMember } from "../layer/write-tar.ts";
import { decompressed } from "./decompress.ts";
import { Expansion } from "./expansion.ts";
import { type ImageEntry, type ImageNode, nodesBelow } from "./image-tree.ts";
import { layerEntries } from "./layer-entries.ts";
import { layerCompression } from "./media-types.ts";
import { ListingMerge } from "./merge-listings.ts";

type Time = Pick<TarMember, "mtimeSec" | "mtimeText">;
/** Where an entry stands: `offset` is of its content in its layer. The same object for all names of one file. */
type Place = Time & { readonly layer: number; readonly offset: number };
/** On the entries that are merged: copies keep it, and what compares entries as JSON does not see it. */
const PLACE = Symbol("place");
type Placed = ImageEntry & { readonly [PLACE]?: Place };

/** A file, or what else is no directory, with all its names. */
type Named = { readonly entry: ImageEntry; readonly paths: string[] };

export type MergeOptions = {
  /** Names the image in messages. */
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
};

const NO_DIGEST = digestOf("");
const NO_CONTENTS: ReadonlyMap<string, Uint8Array> = new Map();

/**
 * What a stack of layers (bottom up) comes to, as members of one tar without whiteouts: directories first, then files
 * with their further names, then links and fifos, so that nothing is written through a link. Exact times; devices are
 * left out. Every layer is held to its diff id and to the rules of pulled layers before the first member comes out;
 * `compressed()` must be held to its digest by whoever made it, and is read twice. Memory: paths, no content.
 * @throws CambiumError as `readLayer` and `mergeListings`.
 */
export async function* mergedMembers(
  layers: readonly Layer[],
  { where, signal }: MergeOptions,
): AsyncGenerator<TarMember> {
  const merge = new ListingMerge(where);
  for (const [number, layer] of layers.entries()) merge.apply(await placedListing(layer, number, signal));
  const found = new Map<Place, Named>();
  for (const { path, node } of nodesBelow({ path: "", node: merge.root })) {
    const place = placeOf(node);
    if (node.kind === "directory") {
      const entry = node.entry ?? { type: "directory", mode: 0o755, uid: 0, gid: 0 };
      yield { entry: { ...entry, path } as ImageEntry, mtimeSec: 0, ...(place && timeOf(place)) };
      continue;
    }
    const known = found.get(place!);
    if (known === undefined) found.set(place!, { entry: node.entry!, paths: [path] });
    else known.paths.push(path);
  }
  for (const [number, layer] of layers.entries()) {
    const wanted = new Map<number, Place>();
    for (const [place, { entry }] of found) {
      if (place.layer === number && entry.type === "file") wanted.set(place.offset, place);
    }
    if (wanted.size === 0) continue;
    for await (const member of layerEntries(layer)) {
      signal?.throwIfAborted();
      const place = wanted.get(member.offset);
      if (place !== undefined && member.type === "file") yield* fileMembers(found.get(place)!, place, member);
    }
  }
  for (const [place, { entry, paths }] of found) {
    if (entry.type !== "symlink" && entry.type !== "fifo") continue;
    for (const path of paths) yield { entry: { ...entry, path }, ...timeOf(place) };
  }
}

function* fileMembers({ entry, paths }: Named, place: Place, member: TarEntry): Generator<TarMember> {
  const [path = "", ...others] = paths.sort(comparePaths);
  const { mode, uid, gid } = entry;
  yield { entry: { ...entry, path }, ...timeOf(place), content: member.content() };
  for (const other of others) {
    yield {
      entry: { type: "hardlink", path: other, target: path, mode, uid, gid },
      ...timeOf(place),
    };
  }
}

/** Reads the layer once. */
async function placedListing(layer: Layer, number: number, signal: AbortSignal | undefined) {
  const where = `layer ${layer.descriptor.digest}`;
  const compression = layerCompression(layer.descriptor.mediaType);
  if (compression === undefined) {
    const type = JSON.stringify(layer.descriptor.mediaType);
    throw new CambiumError("MEDIA_TYPE_UNKNOWN", `${where}: not a layer's media type: ${type}`, {
      hint: "Layers are tars, plain, gzip or zstd; encrypted and other artifacts have no files.",
    });
  }
  const guard = new Expansion(where);
  const tar = guard.outgoing(decompressed(guard.incoming(layer.compressed()), compression, where));
  const builder = new ListingBuilder(where);
  const places = new Map<string, Place>();
  for await (const entry of readTar(tar, where, { hasRawNames: true })) {
    signal?.throwIfAborted();
    const path = builder.place(entry);
    if (path === undefined) continue;
    builder.put(path, entry, NO_DIGEST);
    // A later member of this path has the last word.
    places.set(path, { ...timeOf(entry), layer: number, offset: entry.offset });
  }
  guard.assertDiffId(layer.diffId);
  const listing = builder.finish();
  const entries = listing.entries.map((entry) => ({ ...entry, [PLACE]: places.get(entry.path) }));
  return { ...listing, entries, diffId: layer.diffId, contents: NO_CONTENTS, wanted: "" };
}

function placeOf({ entry }: ImageNode): Place | undefined {
  return (entry as Placed | undefined)?.[PLACE];
}
