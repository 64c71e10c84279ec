import type { Segment, SegmentId } from "../layer/segment.ts";
import { CheckedFiles } from "./checked-files.ts";
import { decodeSegment, decodeSummary, encodeSegment, type SegmentSummary } from "./segment-codec.ts";
import type { Added } from "./used.ts";

/** `sizeBytes`: of the file; `usedMs`: when it was written or looked up last. */
export type SegmentStat = SegmentSummary & {
  readonly id: SegmentId;
  readonly sizeBytes: number;
  readonly usedMs: number;
};

/** Segments by id, below `segments-v1`. The blobs they point into may be elsewhere. */
export class SegmentStore {
  readonly #files: CheckedFiles;

  constructor(root: string, added: Added = { bytes: 0 }) {
    this.#files = new CheckedFiles(root, "segments-v1", "segment", added);
  }

  has(id: SegmentId): boolean {
    return this.#files.has(id);
  }

  /** `undefined` if unknown; a damaged file is dropped and counts as unknown. */
  get(id: SegmentId): Segment | undefined {
    return this.#files.get(id, (bytes) => decodeSegment(bytes, id));
  }

  /** @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`. */
  put(segment: Segment): void {
    this.#files.put(segment.id, encodeSegment(segment));
  }

  /** Removes it unless it was used since `seenMs`. @returns whether it is gone. */
  remove(id: SegmentId, seenMs: number): boolean {
    return this.#files.remove(id, seenMs);
  }

  list(): Generator<SegmentId> {
    return this.#files.list() as Generator<SegmentId>;
  }

  /** All of them, with the size of the file and what it says of itself. No use: for who looks after the store. */
  *stats(): Generator<SegmentStat> {
    for (const { id, sizeBytes, usedMs } of this.#files.stats()) {
      const summary = this.#files.peek(id, (bytes) => decodeSummary(bytes, id as SegmentId));
      if (summary !== undefined) yield { id: id as SegmentId, sizeBytes, usedMs, ...summary };
    }
  }
}
