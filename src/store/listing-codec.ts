import { type DiffId, type Digest, hexOf } from "../layer/digest.ts";
import type { LayerListing, ListedEntry } from "../layer/listing.ts";
import { decodeDocument, encodeDocument } from "./checked-document.ts";

/**
 * A listing's document, version 1: columns, as in a segment's. `types` has one letter per entry, see `LETTERS`;
 * `devices` two numbers per device.
 */
type ListingDocument = {
  readonly version: 1;
  readonly diffId: string;
  readonly wanted: string;
  readonly types: string;
  readonly paths: readonly string[];
  readonly modes: readonly number[];
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly sizes: readonly number[];
  readonly digests: string;
  readonly targets: readonly string[];
  readonly devices: readonly number[];
  readonly xattrs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly whiteouts: readonly string[];
  readonly opaques: readonly string[];
  readonly late: readonly string[];
  /** Path and content as base64, since a path may be any member's name. */
  readonly contents: readonly (readonly [string, string])[];
};

const LETTERS = {
  file: "f",
  directory: "d",
  symlink: "s",
  hardlink: "h",
  character: "c",
  block: "b",
  fifo: "p",
} as const;
const TYPES: ReadonlyMap<string, ListedEntry["type"]> = new Map(
  Object.entries(LETTERS).map(([type, letter]) => [letter, type as ListedEntry["type"]]),
);

/** 96 MiB of names and 64 MiB of contents are the most that a listing has. */
const MAX_DOCUMENT_BYTES = 512 << 20;

export function encodeListing(listing: LayerListing): Uint8Array {
  const { entries, whiteouts, opaques, late, wanted } = listing;
  const files = entries.filter((entry) => entry.type === "file");
  const xattrs: Record<string, Readonly<Record<string, string>>> = {};
  for (const [place, entry] of entries.entries())
    if (entry.xattrs !== undefined) xattrs[place] = entry.xattrs;
  const document: ListingDocument = {
    version: 1,
    diffId: hexOf(listing.diffId),
    wanted,
    types: entries.map((entry) => LETTERS[entry.type]).join(""),
    paths: entries.map((entry) => entry.path),
    modes: entries.map((entry) => entry.mode),
    uids: entries.map((entry) => entry.uid),
    gids: entries.map((entry) => entry.gid),
    sizes: files.map((entry) => entry.size),
    digests: files.map((entry) => hexOf(entry.digest)).join(""),
    targets: entries.flatMap((entry) => ("target" in entry ? [entry.target] : [])),
    devices: entries.flatMap((entry) => ("device" in entry ? [entry.device.major, entry.device.minor] : [])),
    xattrs,
    whiteouts,
    opaques,
    late,
    contents: [...listing.contents].map(([path, bytes]) => [path, Buffer.from(bytes).toString("base64")]),
  };
  return encodeDocument(document);
}

/** The listing that was encoded, or undefined if it is damaged, of another layer, or keeps other contents. */
export function decodeListing(bytes: Uint8Array, diffId: DiffId, wanted: string): LayerListing | undefined {
  return decodeDocument(bytes, MAX_DOCUMENT_BYTES, (document) => {
    const listing = document as ListingDocument;
    const isThis = listing.version === 1 && listing.diffId === hexOf(diffId) && listing.wanted === wanted;
    return isThis ? listingFrom(listing, diffId) : undefined;
  });
}

function listingFrom(document: ListingDocument, diffId: DiffId): LayerListing | undefined {
  const { types, paths, modes, uids, gids, sizes, digests, targets, devices, xattrs } = document;
  const count = types.length;
  if ([paths, modes, uids, gids].some((column) => column.length !== count)) return undefined;
  if (digests.length !== 64 * sizes.length || !/^[0-9a-f]*$/.test(digests)) return undefined;
  let file = 0;
  let link = 0;
  let device = 0;
  const entryAt = (place: number): ListedEntry | undefined => {
    const attributes = xattrs[place];
    const base = {
      ...{ path: paths[place]!, mode: modes[place]!, uid: uids[place]!, gid: gids[place]! },
      ...(attributes !== undefined && { xattrs: attributes }),
    };
    const type = TYPES.get(types[place]!);
    switch (type) {
      case undefined:
        return undefined;
      case "file": {
        const digest = `sha256:${digests.slice(64 * file, 64 * file + 64)}` as Digest;
        return { ...base, type, size: sizes[file++]!, digest };
      }
      case "symlink":
      case "hardlink":
        return { ...base, type, target: targets[link++]! };
      case "character":
      case "block":
        return { ...base, type, device: { major: devices[device++]!, minor: devices[device++]! } };
      default:
        return { ...base, type };
    }
  };
  const entries: ListedEntry[] = [];
  for (let place = 0; place < count; place++) {
    const entry = entryAt(place);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  if (file !== sizes.length || link !== targets.length || device !== devices.length) return undefined;
  const { whiteouts, opaques, late, wanted } = document;
  const contents = new Map(
    document.contents.map(([path, base64]) => [path, new Uint8Array(Buffer.from(base64, "base64"))]),
  );
  return { diffId, entries, whiteouts, opaques, late, contents, wanted };
}
