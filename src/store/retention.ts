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
  /** It only makes a later build faster: a name alone does not keep it. */
  readonly isAid?: boolean;
  /** Whatever its size saves, it stays while it was used since then. Absent: it goes like any other. */
  readonly staysSinceMs?: number;
};

export type Limits = {
  /** Only what was not used since, in milliseconds since the epoch. */
  readonly beforeMs: number;
  /** Stop once all together take no more. Absent: go on until no candidate is left. */
  readonly maxBytes?: number;
  readonly roots: Roots;
};

/** Names of what stays, with all that it needs: `named` without aids, `whole` with them. */
export type Roots = { readonly named: Iterable<string>; readonly whole: Iterable<string> };

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
  { named, whole }: Roots,
): Ranked<Item>[] {
  const graph = graphOf(items);
  const times = new Array<number | undefined>(items.length).fill(undefined);
  const reach = (places: readonly number[], neededMs: number, takesAids = true) => {
    const open = [...places];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (times[next] !== undefined || (!takesAids && items[next]!.isAid === true)) continue;
      times[next] = neededMs;
      for (const place of graph.needs(next)) open.push(place);
    }
  };
  // What was used last goes first, so the first to reach something is what was used last of all that need it.
  // What is kept whole comes before what is only named, which would end at the same things.
  for (const name of whole) reach(graph.named(name), Number.POSITIVE_INFINITY);
  for (const name of named) reach(graph.named(name), Number.POSITIVE_INFINITY, false);
  const byUse = items.map((_, place) => place).sort((a, b) => items[b]!.usedMs - items[a]!.usedMs);
  for (const place of byUse) reach([place], items[place]!.usedMs);
  return needersFirst(items.length, graph.needs)
    .map((place) => ({ item: items[place]!, neededMs: times[place]! }))
    .sort((a, b) => compare(a.neededMs, b.neededMs));
}

/** What needs something before that; in a circle, any order. A reversed postorder. */
function needersFirst(count: number, needs: (place: number) => readonly number[]): number[] {
  const isSeen = new Uint8Array(count);
  const done: number[] = [];
  for (let first = 0; first < count; first++) {
    if (isSeen[first] === 1) continue;
    isSeen[first] = 1;
    // Not by recursion: a chain may be long.
    const open = [{ place: first, at: 0 }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const next = needs(top.place)[top.at++];
      if (next === undefined) {
        done.push(top.place);
        open.pop();
      } else if (isSeen[next] !== 1) {
        isSeen[next] = 1;
        open.push({ place: next, at: 0 });
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
  const graph = graphOf(items);
  return function* follow(
    names: Iterable<string>,
    seen: { has(item: Item): boolean },
  ): Generator<Item, void> {
    const open = [...names].flatMap((name) => graph.named(name));
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const item = items[next]!;
      if (seen.has(item)) continue;
      yield item;
      for (const place of graph.needs(next)) open.push(place);
    }
  };
}

type Graph = {
  /** Places of what a name stands for. */
  readonly named: (name: string) => readonly number[];
  /** Places of what the item at a place needs. */
  readonly needs: (place: number) => readonly number[];
};

/** By place: a store has some 100,000 things, and most names stand for none or one. */
function graphOf(items: readonly Holding[]): Graph {
  const byName = new Map<string, number[]>();
  items.forEach(({ names }, place) => {
    for (const name of names) {
      const named = byName.get(name);
      if (named === undefined) byName.set(name, [place]);
      else named.push(place);
    }
  });
  const named = (name: string): readonly number[] => byName.get(name) ?? NOTHING;
  const known = new Array<readonly number[] | undefined>(items.length);
  return {
    named,
    needs: (place) => (known[place] ??= items[place]!.mentions.flatMap((name) => named(name))),
  };
}

const NOTHING: readonly number[] = [];

/** Not a difference: two infinities have none. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
