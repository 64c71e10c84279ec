import { CONSTANT_MTIME } from "../layer/entry.ts";

/** SOURCE_DATE_EPOCH, else a constant: an image must not say when its machine built it. RFC 3339. */
export function createdAt(sourceDateEpoch: number | undefined): string {
  return new Date((sourceDateEpoch ?? CONSTANT_MTIME) * 1000).toISOString().replace(".000Z", "Z");
}
