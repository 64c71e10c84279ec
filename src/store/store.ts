import { accessSync, constants, mkdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { BlobStore } from "./blobs.ts";
import { storeError } from "./io-error.ts";
import { createLease, type Lease, prepareGuard } from "./lease.ts";
import { ListingStore } from "./listings.ts";
import { type HeldLock, lockPath, waitForLock } from "./lock.ts";
import { NamedQueue } from "./queue.ts";
import { Records, type StoreWarning } from "./records.ts";
import { noteRunning } from "./running.ts";
import { SegmentStore } from "./segments.ts";
import type { Added } from "./used.ts";

export type StoreOptions = {
  /** What the store mended by itself. Default: nobody hears of it. */
  readonly onWarning?: (warning: StoreWarning) => void;
  /** Milliseconds since the epoch, for records; a test gives its own. */
  readonly now?: () => number;
};

export type ExclusiveOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called once if someone else is at it. */
  readonly onWait?: (() => void) | undefined;
};

/** Everything Cambium keeps on this machine; one folder, safe for several processes at once. */
export class Store {
  readonly root: string;
  readonly blobs: BlobStore;
  readonly segments: SegmentStore;
  readonly listings: ListingStore;
  readonly records: Records;
  readonly added: Added = { bytes: 0 };
  readonly #queue = new NamedQueue();

  constructor(root: string, options: StoreOptions) {
    this.root = root;
    this.blobs = new BlobStore(root, this.added);
    this.segments = new SegmentStore(root, this.added);
    this.listings = new ListingStore(root, this.added);
    const ignore = () => undefined;
    this.records = new Records(
      join(root, "records-v1.sqlite"),
      options.onWarning ?? ignore,
      options.now ?? Date.now,
    );
  }

  /** Says that a build runs, until it is released or the process ends: what it looks up stays. */
  async running(signal?: AbortSignal): Promise<HeldLock> {
    return noteRunning(join(this.root, "leases-v1"), signal);
  }

  /** Protects digests from `prune` until it is released or the process ends. */
  lease(): Lease {
    return createLease(join(this.root, "leases-v1"));
  }

  /**
   * Runs `work` while nobody else, here or in another process, runs work of the same name in this store.
   * A holder that is killed lets go at once. Not reentrant: asking for the same name inside `work` waits for ever.
   * @throws the signal's reason when aborted while waiting; whatever `work` throws.
   */
  async exclusive<T>(name: string, work: () => Promise<T>, options: ExclusiveOptions = {}): Promise<T> {
    let isTold = false;
    const onWait = () => {
      if (!isTold) options.onWait?.();
      isTold = true;
    };
    const { signal } = options;
    const attempt = async () => {
      const lock = await waitForLock(lockPath(join(this.root, "locks-v1"), name), { signal, onWait });
      try {
        return await work();
      } finally {
        lock.release();
      }
    };
    return this.#queue.run(name, attempt, { signal, onWait });
  }

  close(): void {
    this.blobs.close();
    this.records.close();
  }
}

/**
 * Opens the store at `root`, an absolute path, making what is missing. Costs a few file operations; the database opens at first use.
 * @throws CambiumError `STORE_UNWRITABLE`, `DISK_FULL`, `STORE_IO`.
 */
export function openStore(root: string, options: StoreOptions = {}): Store {
  if (!isAbsolute(root)) throw new TypeError(`the store needs an absolute path: ${root}`);
  try {
    for (const part of ["blobs-v1/sha256", "segments-v1", "locks-v1", "leases-v1", "tmp"]) {
      mkdirSync(join(root, part), { recursive: true });
    }
    accessSync(join(root, "tmp"), constants.W_OK);
    prepareGuard(join(root, "leases-v1"));
  } catch (error) {
    throw storeError(error, root);
  }
  return new Store(root, options);
}
