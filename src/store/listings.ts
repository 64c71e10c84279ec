import { type DiffId, hexOf } from "../layer/digest.ts";
import type { LayerListing } from "../layer/listing.ts";
import { CheckedFiles } from "./checked-files.ts";
import { decodeListing, encodeListing } from "./listing-codec.ts";
import type { Added } from "./used.ts";

/** Listings of layers that were made elsewhere, by diff id, below `listings-v1`: enough to plan on them without bytes. */
export class ListingStore {
  readonly #files: CheckedFiles;

  constructor(root: string, added: Added) {
    this.#files = new CheckedFiles(root, "listings-v1", "listing", added);
  }

  /** `undefined` if unknown, damaged, or read when other contents than `wanted` (`WantedFiles.id`) were kept. */
  get(diffId: DiffId, wanted: string): LayerListing | undefined {
    return this.#files.get(hexOf(diffId), (bytes) => decodeListing(bytes, diffId, wanted));
  }

  /** A listing as `put` keeps it, for other machines; undefined if unknown. */
  bytes(diffId: DiffId, wanted: string): Uint8Array | undefined {
    const listing = this.get(diffId, wanted);
    return listing && encodeListing(listing);
  }

  /** Takes what `bytes` gave on another machine; false when it is damaged or of another layer. */
  adopt(bytes: Uint8Array, diffId: DiffId, wanted: string): boolean {
    const listing = decodeListing(bytes, diffId, wanted);
    if (listing !== undefined) this.put(listing);
    return listing !== undefined;
  }

  /** @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`. */
  put(listing: LayerListing): void {
    this.#files.put(hexOf(listing.diffId), encodeListing(listing));
  }

  /** Removes it unless it was used since `seenMs`. @returns whether it is gone. */
  remove(diffId: DiffId, seenMs: number): boolean {
    return this.#files.remove(hexOf(diffId), seenMs);
  }

  /** All of them, by the hex of the diff id. */
  stats(): ReturnType<CheckedFiles["stats"]> {
    return this.#files.stats();
  }
}
