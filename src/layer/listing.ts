import type { DiffId } from "./digest.ts";
import type { DeviceEntry, Entry, FifoEntry } from "./entry.ts";

/** A path that a layer states. A hard link's target may be in a lower layer. */
export type ListedEntry = Entry | DeviceEntry | FifoEntry;

/**
 * Everything a layer says but its files' bytes and times: an opaque segment without content. Applied to a stack, the
 * whiteouts and opaque directories take away what lower layers have, never what this one states.
 */
export type LayerListing = {
  readonly diffId: DiffId;
  /** Sorted by path, each path once, and each path's parents are directories where this layer states them. */
  readonly entries: readonly ListedEntry[];
  /** Paths that lower layers lose with all below them, sorted. */
  readonly whiteouts: readonly string[];
  /** Directories that lower layers lose the contents of, sorted; `""` is the root. */
  readonly opaques: readonly string[];
  /** Directories that stand in the tar after something in them, sorted: usually none. */
  readonly late: readonly string[];
  /** By path, what was kept of small files while the layer went by. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** `WantedFiles.id` of what was wanted then. */
  readonly wanted: string;
};

/** Which files' content to keep while a layer is read, since its bytes may not be at hand again. */
export type WantedFiles = {
  /** Changes with what `keep` answers, so that an older listing is known to lack something. */
  readonly id: string;
  keep(path: string): WantedFile | undefined;
};

/** Larger files are not kept. `reduce` cuts the content down to what matters; undefined keeps nothing. */
export type WantedFile = {
  readonly maxBytes: number;
  readonly reduce?: (content: Uint8Array) => Uint8Array | undefined;
};
