/**
 * Something that the store holds. Everything in it is named by 64 hex digits: a blob, a segment, a listing, an unpacked
 * layer, a record whose key has a digest. `mentions`: names of what it needs.
 */
export type Holding = {
  readonly names: readonly string[];
  readonly mentions: readonly string[];
  readonly sizeBytes: number;
  /** When it was written or looked up last, in milliseconds since the epoch. */
  readonly usedMs: number;
  /** Whatever its size saves, it stays while it was used since then. Absent: it goes like any other. */
  readonly staysSinceMs?: number;
};

export type Limits = {
  /** Only what was not used since, in milliseconds since the epoch. */
  readonly beforeMs: number;
  /** Stop once all together take no more. Absent: go on until no candidate is left. */
  readonly maxBytes?: number;
  /** Names of what stays, with all that it needs. */
  readonly roots: Iterable<string>;
};

/** A holding with the time at which it, or something that needs it, was used last. */
export type Ranked<Item extends Holding> = { readonly item: Item; readonly neededMs: number };

/**
 * What to remove, in this order: the least recently needed first, and of one time what needs before what is needed, so
 * that nothing that stays needs what went, wherever one stops. Pure.
 */
export function chooseToRemove<Item extends Holding>(
  items: readonly Item[],
  { beforeMs, maxBytes, roots }: Limits,
): Ranked<Item>[] {
  let left = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const chosen: Ranked<Item>[] = [];
  for (const ranked of rankedByNeed(items, roots)) {
    const { item, neededMs } = ranked;
    if (neededMs >= beforeMs || (maxBytes !== undefined && left <= maxBytes)) break;
    if (item.staysSinceMs !== undefined && neededMs >= item.staysSinceMs) continue;
    chosen.push(ranked);
    left -= item.sizeBytes;
  }
  return chosen;
}

/** All holdings, the least recently needed first; what a root needs is needed for ever. Pure. */
export function rankedByNeed<Item extends Holding>(
  items: readonly Item[],
  roots: Iterable<string>,
): Ranked<Item>[] {
  const follow = followerOf(items);
  const times = new Map<Item, number>();
  const reach = (names: Iterable<string>, neededMs: number) => {
    for (const item of follow(names, times)) times.set(item, neededMs);
  };
  // What was used last goes first, so the first to reach something is what was used last of all that need it.
  reach(roots, Number.POSITIVE_INFINITY);
  for (const item of [...items].sort((a, b) => b.usedMs - a.usedMs)) {
    if (times.has(item)) continue;
    times.set(item, item.usedMs);
    reach(item.mentions, item.usedMs);
  }
  return needersFirst(items)
    .map((item) => ({ item, neededMs: times.get(item)! }))
    .sort((a, b) => compare(a.neededMs, b.neededMs));
}

/** What needs something before that; in a circle, any order. A reversed postorder. */
function needersFirst<Item extends Holding>(items: readonly Item[]): Item[] {
  const byName = namedIn(items);
  const seen = new Set<Item>();
  const done: Item[] = [];
  const needs = function* (item: Item) {
    for (const name of item.mentions) yield* byName.get(name) ?? [];
  };
  for (const first of items) {
    if (seen.has(first)) continue;
    seen.add(first);
    // Not by recursion: a chain may be long.
    const open = [{ item: first, left: needs(first) }];
    while (open.length > 0) {
      const { item, left } = open.at(-1)!;
      const { value: next } = left.next();
      if (next === undefined) {
        done.push(item);
        open.pop();
      } else if (!seen.has(next)) {
        seen.add(next);
        open.push({ item: next, left: needs(next) });
      }
    }
  }
  return done.reverse();
}

/**
 * Follows names to what they stand for and what that needs, passing over what was seen before: by the answer's caller,
 * who notes each item as it comes.
 */
export function followerOf<Item extends Holding>(items: readonly Item[]) {
  const byName = namedIn(items);
  return function* follow(
    names: Iterable<string>,
    seen: { has(item: Item): boolean },
  ): Generator<Item, void> {
    const open = [...names];
    for (let at = 0; at < open.length; at++) {
      for (const item of byName.get(open[at]!) ?? []) {
        if (seen.has(item)) continue;
        yield item;
        for (const name of item.mentions) open.push(name);
      }
    }
  };
}

function namedIn<Item extends Holding>(items: readonly Item[]): Map<string, Item[]> {
  const byName = new Map<string, Item[]>();
  for (const item of items) {
    for (const name of item.names) {
      const named = byName.get(name);
      if (named === undefined) byName.set(name, [item]);
      else named.push(item);
    }
  }
  return byName;
}

/** Not a difference: two infinities have none. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
