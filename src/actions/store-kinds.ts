import type { BlobUse, Stored } from "../store/survey.ts";
import type { StoredKind } from "./results.ts";

/** What is in the store, to people, in the order in which it is shown. */
export const KINDS = [
  "Python packages",
  "bytecode",
  "Debian packages",
  "project files",
  "layers of steps",
  "layers of other images",
  "image documents",
  "indices, downloads",
  "listings",
  "unpacked layers",
  "records",
] as const;
type Kind = (typeof KINDS)[number];

const OF_BLOBS: Readonly<Record<BlobUse, Kind>> = {
  python: "Python packages",
  bytecode: "bytecode",
  debian: "Debian packages",
  generated: "Debian packages",
  files: "project files",
  step: "layers of steps",
  base: "layers of other images",
  document: "image documents",
  other: "indices, downloads",
};

export function kindOf(item: Stored): Kind {
  if (item.kind === "blob") return OF_BLOBS[item.use];
  if (item.kind === "tree") return "unpacked layers";
  return item.kind === "record" ? "records" : "listings";
}

/** Counted; kinds of which there is nothing are left out. */
export function byKind(items: readonly Stored[]): StoredKind[] {
  const counted = new Map(KINDS.map((name) => [name, { name, count: 0, sizeBytes: 0 }]));
  for (const item of items) {
    const kind = counted.get(kindOf(item))!;
    kind.count += 1;
    kind.sizeBytes += item.sizeBytes;
  }
  return [...counted.values()].filter(({ count }) => count > 0);
}

export function sumOf(items: readonly { readonly sizeBytes: number }[]): number {
  return items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
