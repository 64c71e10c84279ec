import { type Digest, isDigest } from "../layer/digest.ts";

/** What a tag of a place is for. */
export const REMOTE_KINDS = ["image", "found-by-key", "used", "record", "packages", "step", "mount"] as const;
export type RemoteKind = (typeof REMOTE_KINDS)[number];

/** A tag of a place. */
export type RemoteRow = {
  readonly tag: string;
  readonly digest: Digest;
  readonly kind: RemoteKind;
  /** Of `used`: the day, as `20261231`. */
  readonly day?: string;
};

/** What is asked of a place to decide what may go. */
export type RemoteFacts = {
  /** Layers and listings that the record of an image names. */
  readonly recorded: ReadonlyMap<Digest, ReadonlySet<Digest>>;
  /** Blobs that a single entry names. */
  readonly entries: ReadonlyMap<Digest, ReadonlySet<Digest>>;
};

export type RemoteChoice = {
  /** Images of which builds told last: so many stay. */
  readonly keepLast?: number;
  /** And those of this day or later, as `20261231`. */
  readonly sinceDay?: string;
};

/** `cambium-used-<day>-<32 hex>`: that an image was exported on a day. */
const USED = /^cambium-used-(\d{8})-[0-9a-f]{32}$/;
const OWN = /^cambium-(step|packages|image|mount)-[0-9a-f]{64}$/;
const RECORD = /^sha256-[0-9a-f]{64}$/;

export function usedTag(day: string, imageTag: string): string {
  return `cambium-used-${day}-${imageTag.replace(/^cambium-image-/, "").slice(0, 32)}`;
}

/** The day of a time, in UTC. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10).replaceAll("-", "");
}

export function remoteRow(tag: string, digest: Digest): RemoteRow {
  const day = USED.exec(tag)?.[1];
  if (day !== undefined) return { tag, digest, kind: "used", day };
  const own = OWN.exec(tag)?.[1];
  if (own !== undefined) return { tag, digest, kind: own === "image" ? "found-by-key" : (own as RemoteKind) };
  return { tag, digest, kind: RECORD.test(tag) ? "record" : "image" };
}

/** Images that stay: those with a name of somebody's, and what builds told last. Pure. */
export function keptImages(
  rows: readonly RemoteRow[],
  { keepLast = 0, sinceDay }: RemoteChoice,
): ReadonlySet<Digest> {
  const named = rows.filter(({ kind }) => kind === "image").map(({ digest }) => digest);
  const used = rows
    .filter(({ kind }) => kind === "used")
    .sort((a, b) => (a.day === b.day ? (a.digest < b.digest ? -1 : 1) : a.day! > b.day! ? -1 : 1));
  const last = [...new Set(used.map(({ digest }) => digest))].slice(0, keepLast);
  const recent = used.filter(({ day }) => sinceDay !== undefined && day! >= sinceDay);
  return new Set([...named, ...last, ...recent.map(({ digest }) => digest)]);
}

/**
 * Rows that may go: entries that no record of a kept image speaks of, images that are not kept, and their records. A digest
 * that a kept row leads to stays, since a registry deletes a manifest with all its tags. Pure.
 */
export function removableRows(
  rows: readonly RemoteRow[],
  kept: ReadonlySet<Digest>,
  { recorded, entries }: RemoteFacts,
): RemoteRow[] {
  const needed = new Set([...kept].flatMap((image) => [...(recorded.get(image) ?? [])]));
  const isKept = ({ tag, digest, kind }: RemoteRow): boolean => {
    switch (kind) {
      case "image":
      case "mount":
        return true;
      case "record":
        return kept.has(subjectOf(tag)!);
      case "found-by-key":
      case "used":
        return kept.has(digest);
      case "step":
      case "packages":
        return [...(entries.get(digest) ?? [])].some((blob) => needed.has(blob));
    }
  };
  const staying = new Set(rows.filter(isKept).map(({ digest }) => digest));
  return rows.filter((row) => !staying.has(row.digest));
}

/** What a referrers' tag is beside. */
export function subjectOf(tag: string): Digest | undefined {
  const text = tag.replace("-", ":");
  return isDigest(text) ? text : undefined;
}
