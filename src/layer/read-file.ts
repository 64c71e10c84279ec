import { inflateRawSync } from "node:zlib";
import type { BlobReader, SegmentFile } from "./segment.ts";

/** The content of a small file of a segment, whole. Its payload was checked when the segment was made. */
export function readSegmentFile(reader: BlobReader, file: SegmentFile): Uint8Array {
  if (file.payload === undefined) return new Uint8Array(0);
  const { blob, offset, length } = file.payload;
  const deflated = new Uint8Array(length);
  reader.read(blob, offset, deflated);
  return inflateRawSync(deflated, { maxOutputLength: file.size });
}
