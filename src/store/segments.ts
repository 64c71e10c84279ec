import type { Segment, SegmentId } from "../layer/segment.ts";
import { CheckedFiles } from "./checked-files.ts";
import { decodeSegment, encodeSegment } from "./segment-codec.ts";

/** Segments by id, below `segments-v1`. The blobs they point into may be elsewhere. */
export class SegmentStore {
  readonly #files: CheckedFiles;

  constructor(root: string) {
    this.#files = new CheckedFiles(root, "segments-v1");
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

  remove(id: SegmentId): void {
    this.#files.remove(id);
  }

  list(): Generator<SegmentId> {
    return this.#files.list() as Generator<SegmentId>;
  }
}
