import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CambiumError } from "../errors.ts";
import type { Segment, SegmentId } from "../layer/segment.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { decodeSegment, encodeSegment } from "./segment-codec.ts";
import { writeAtomically } from "./temporary.ts";

/**
 * Segments by id, one file each: `segments-v1/<2 hex>/<64 hex>`. The blobs they point into may be elsewhere.
 * Not synced: a file that a power cut left empty or torn fails its checksum and is a miss.
 */
export class SegmentStore {
  readonly #directory: string;
  readonly #temporaries: string;

  constructor(root: string) {
    this.#directory = join(root, "segments-v1");
    this.#temporaries = join(root, "tmp");
  }

  has(id: SegmentId): boolean {
    return statSync(this.#path(id), { throwIfNoEntry: false }) !== undefined;
  }

  /** `undefined` if unknown; a damaged file is dropped and counts as unknown. */
  get(id: SegmentId): Segment | undefined {
    const path = this.#path(id);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw storeError(error, path);
    }
    const segment = decodeSegment(bytes, id);
    if (segment === undefined) this.remove(id);
    return segment;
  }

  /** @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`. */
  put(segment: Segment): void {
    const path = this.#path(segment.id);
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw storeError(error, path);
    }
    writeAtomically(path, encodeSegment(segment), this.#temporaries, false);
  }

  remove(id: SegmentId): void {
    const path = this.#path(id);
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw storeError(error, path);
    }
  }

  *list(): Generator<SegmentId> {
    for (const name of readdirSync(this.#directory, { recursive: true, encoding: "utf8" })) {
      const match = /^[0-9a-f]{2}[/]([0-9a-f]{64})$/.exec(name);
      if (match !== null) yield match[1] as SegmentId;
    }
  }

  #path(id: SegmentId): string {
    // The id becomes a path, so its form is checked here whatever the type says.
    if (!/^[0-9a-f]{64}$/.test(id)) throw new CambiumError("SEGMENT_ID_SYNTAX", `not a segment id: ${id}`);
    return join(this.#directory, id.slice(0, 2), id);
  }
}
