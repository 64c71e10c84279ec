import type { ContentEntry, ContentFile, ContentSource, FileContent } from "../../context/content-source.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import { layerEntries } from "../../image/layer-entries.ts";
import { mergeListings } from "../../image/merge-listings.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { comparePaths } from "../../layer/entry.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { LayerListing } from "../../layer/listing.ts";
import { ListingBuilder } from "../../layer/listing-builder.ts";
import type { Payload } from "../../layer/segment.ts";
import { compositionSegments } from "../../store/stored-layer.ts";
import { layerListings } from "../base-listings.ts";
import { type LayerBench, lazyLayer } from "../lazy-layers.ts";
import { inflated } from "./inflated.ts";
import { isPinned } from "./made-sources.ts";

const EMPTY_DIGEST = digestOf("");

export type LayersSource = ContentSource & { readonly tree: ImageTree };

/**
 * The files of a stack of layers, lowest first: an image of a registry, or another stage. Listed from what is known of
 * the layers. Of those composed here the segments are read; of others the fewest that hold what is wanted are streamed,
 * each once, and fetched only then.
 * @throws CambiumError as `layerListings` and `mergeListings`; `where` as in `stage build`.
 */
export async function layersSource(
  layers: readonly LayerRecord[],
  where: string,
  bench: LayerBench,
): Promise<LayersSource> {
  const listings = await layerListings(layers, BASE_FILES, where, bench);
  const tree = mergeListings(listings, where);
  let content: Contents | undefined;
  // Who only copies onto these layers asks for their tree alone: half of the time, of 12,000 files 40 ms.
  const contents = () => {
    content ??= contentsOf(tree);
    return content;
  };
  const digestAt = (path: string): Digest => {
    const digest = contents().digests.get(path);
    if (digest === undefined) throw new TypeError(`not of ${where}: ${path}`);
    return digest;
  };
  let payloads: Payloads | undefined;
  const composed = () => {
    payloads ??= composedPayloads(layers, bench);
    return payloads;
  };
  return {
    where,
    tree,
    get entries() {
      return contents().entries;
    },
    digest: async ({ path }) => digestAt(path),
    payload: ({ path }) => composed().pinned.get(digestAt(path)),
    read: (files) => {
      const wanted = new Map(files.map((file) => [digestAt(file.path), file]));
      return readContents(wanted, composed(), { layers, listings }, bench);
    },
  };
}

type Contents = { readonly entries: readonly ContentEntry[]; readonly digests: ReadonlyMap<string, Digest> };

function contentsOf(tree: ImageTree): Contents {
  const digests = new Map<string, Digest>();
  const inodes = tree.inodes();
  const numbers = new Map<object, string>();
  const entries: ContentEntry[] = [];
  for (const entry of tree.entries()) {
    if (entry.type !== "file") {
      entries.push(entry);
      continue;
    }
    const { digest, ...file } = entry;
    digests.set(entry.path, digest);
    const inode = inodes.get(entry.path);
    if (inode !== undefined && !numbers.has(inode)) numbers.set(inode, String(numbers.size));
    const number = inode === undefined ? undefined : numbers.get(inode);
    entries.push(number === undefined ? file : { ...file, inode: number });
  }
  return { entries: entries.sort((a, b) => comparePaths(a.path, b.path)), digests };
}

/** Contents that are in segments of this store, and those among them that a pack has as we would make them. */
type Payloads = { readonly all: ReadonlyMap<Digest, Payload>; readonly pinned: ReadonlyMap<Digest, Payload> };

function composedPayloads(layers: readonly LayerRecord[], { store }: LayerBench): Payloads {
  const all = new Map<Digest, Payload>();
  const pinned = new Map<Digest, Payload>();
  for (const { descriptor } of layers) {
    for (const segment of compositionSegments(store, descriptor.digest) ?? []) {
      if (!segment.blobs.every((blob) => store.blobs.has(blob))) continue;
      for (const entry of segment.entries) {
        if (entry.type !== "file" || entry.payload === undefined) continue;
        all.set(entry.digest, entry.payload);
        if (isPinned(segment)) pinned.set(entry.digest, entry.payload);
      }
    }
  }
  return { all, pinned };
}

async function* readContents(
  wanted: Map<Digest, ContentFile>,
  { all }: Payloads,
  stack: { readonly layers: readonly LayerRecord[]; readonly listings: readonly LayerListing[] },
  bench: LayerBench,
): AsyncGenerator<FileContent> {
  for (const [digest, file] of wanted) {
    const payload = all.get(digest);
    if (payload === undefined) continue;
    wanted.delete(digest);
    yield { file, content: inflated(bench.store.blobs, payload) };
  }
  while (wanted.size > 0) {
    const places = stack.listings.map((listing) => placesIn(listing, wanted));
    const most = places.reduce((best, paths, i) => (paths.size > places[best]!.size ? i : best), 0);
    const paths = places[most]!;
    // Every file of the tree is in some listing.
    if (paths.size === 0) throw new TypeError("contents that no layer has");
    yield* streamed(stack.layers[most]!, paths, wanted, bench);
    for (const digest of paths.values()) wanted.delete(digest);
  }
}

/** Paths of a layer that have wanted contents, one for each content. */
function placesIn(listing: LayerListing, wanted: ReadonlyMap<Digest, ContentFile>): Map<string, Digest> {
  const paths = new Map<string, Digest>();
  const seen = new Set<Digest>();
  for (const entry of listing.entries) {
    if (entry.type !== "file" || !wanted.has(entry.digest) || seen.has(entry.digest)) continue;
    seen.add(entry.digest);
    paths.set(entry.path, entry.digest);
  }
  return paths;
}

/** A member that a later one of its path replaces is given too: its content is nobody's then. */
async function* streamed(
  record: LayerRecord,
  paths: ReadonlyMap<string, Digest>,
  wanted: ReadonlyMap<Digest, ContentFile>,
  bench: LayerBench,
): AsyncGenerator<FileContent> {
  const builder = new ListingBuilder(`layer ${record.descriptor.digest}`);
  for await (const entry of layerEntries(lazyLayer(record, bench))) {
    bench.signal.throwIfAborted();
    const path = builder.place(entry);
    if (path === undefined) continue;
    // Links decide where later members land.
    if (entry.type === "symlink") builder.put(path, entry, EMPTY_DIGEST);
    const digest = entry.type === "file" ? paths.get(path) : undefined;
    if (digest !== undefined) yield { file: wanted.get(digest)!, content: entry.content() };
  }
}
