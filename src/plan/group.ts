import { createHash } from "node:crypto";

/** What grouping knows of a package. */
export type Weighed = {
  /** Normalised name: placement depends on it alone, so that a new version stays where the old one was. */
  readonly key: string;
  /** Sum of file sizes, uncompressed: that is what sha256 runs over when a bucket changes. */
  readonly sizeBytes: number;
};

/** How many layers of each kind a set of packages may take. */
export type LayerBudget = { readonly heavy: number; readonly medium: number; readonly small: number };

/** 48 + 16 = 64 package layers, whatever the base (DESIGN §4). */
export const PYTHON_BUDGET: LayerBudget = { heavy: 24, medium: 16, small: 8 };
/** Above those 64: bytecode is about as much as the sources, which are the lesser part of heavy packages. */
export const BYTECODE_BUDGET: LayerBudget = { heavy: 6, medium: 6, small: 4 };
export const DEBIAN_BUDGET: LayerBudget = { heavy: 6, medium: 6, small: 4 };

export type Thresholds = { readonly heavyBytes: number; readonly smallBytes: number };

/**
 * Above 32 MB a layer of its own. Up to 1 MB among its like, so that adding a small package makes a layer
 * of well under 1 MB anew instead of a bucket of 32 MB (docs/design/0003-grouping.md).
 */
export const DEFAULT_THRESHOLDS: Thresholds = { heavyBytes: 32_000_000, smallBytes: 1_000_000 };

/** One layer to be: `name` is stable, and empty buckets do not appear. */
export type Group<T extends Weighed> = { readonly name: string; readonly members: readonly T[] };

/**
 * Which packages share a layer. Pure, and independent of the order of `items`:
 * - heavy ones stand alone, the heaviest first when there are more than the budget allows;
 * - the others go to buckets by rendezvous hash of their name; a bucket holds at most `heavyBytes`, and who does not fit
 *   goes to the next bucket of its own preference (deferred acceptance), so that one more package moves few others.
 * Members are sorted by key; groups come heavy, medium, small.
 */
export function groupPackages<T extends Weighed>(
  items: readonly T[],
  budget: LayerBudget,
  thresholds: Thresholds = DEFAULT_THRESHOLDS,
): Group<T>[] {
  const byWeight = [...items].sort((a, b) => b.sizeBytes - a.sizeBytes || compareKeys(a, b));
  const heavy = byWeight.filter((it) => it.sizeBytes > thresholds.heavyBytes).slice(0, budget.heavy);
  const alone = new Set(heavy);
  const rest = byWeight.filter((it) => !alone.has(it));
  const small = rest.filter((it) => it.sizeBytes <= thresholds.smallBytes);
  const medium = rest.filter((it) => it.sizeBytes > thresholds.smallBytes);
  return [
    ...heavy.sort(compareKeys).map((it) => ({ name: it.key, members: [it] })),
    ...buckets("medium", medium, budget.medium, thresholds.heavyBytes),
    ...buckets("small", small, budget.small, thresholds.heavyBytes),
  ];
}

function buckets<T extends Weighed>(
  kind: string,
  items: readonly T[],
  count: number,
  capacity: number,
): Group<T>[] {
  type Suitor = {
    readonly item: T;
    readonly preference: readonly { bucket: number; score: string }[];
    next: number;
  };
  const held: { suitor: Suitor; score: string }[][] = Array.from({ length: count }, () => []);
  const waiting: Suitor[] = [...items]
    .sort(compareKeys)
    .map((item) => ({ item, preference: preferences(kind, item.key, count), next: 0 }));
  for (let suitor = waiting.shift(); suitor !== undefined; suitor = waiting.shift()) {
    const choice = suitor.preference[suitor.next];
    if (choice === undefined) {
      // Full everywhere: the first choice takes it beyond its capacity, since the number of layers must hold.
      const first = suitor.preference[0] as { bucket: number; score: string };
      held[first.bucket]?.push({ suitor, score: "" });
      continue;
    }
    suitor.next++;
    const bucket = held[choice.bucket] as { suitor: Suitor; score: string }[];
    bucket.push({ suitor, score: choice.score });
    bucket.sort((a, b) =>
      a.score < b.score ? 1 : a.score > b.score ? -1 : compareKeys(a.suitor.item, b.suitor.item),
    );
    let total = 0;
    const kept = bucket.filter(({ suitor: { item }, score }) => {
      if (score === "" || total + item.sizeBytes <= capacity || total === 0) {
        total += item.sizeBytes;
        return true;
      }
      return false;
    });
    for (const { suitor: refused } of bucket)
      if (!kept.some((it) => it.suitor === refused)) waiting.push(refused);
    held[choice.bucket] = kept;
  }
  return held.flatMap((bucket, index) =>
    bucket.length === 0
      ? []
      : [{ name: `${kind}-${index}`, members: bucket.map((it) => it.suitor.item).sort(compareKeys) }],
  );
}

/** Buckets in the order in which a name prefers them: highest hash of (kind, bucket, name) first. */
function preferences(kind: string, key: string, count: number): { bucket: number; score: string }[] {
  return Array.from({ length: count }, (_, bucket) => ({
    bucket,
    score: createHash("sha256").update(`${kind}\n${bucket}\n${key}`).digest("hex"),
  })).sort((a, b) => (a.score < b.score ? 1 : -1));
}

function compareKeys(a: Weighed, b: Weighed): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
