import type { Alphabet } from "./alphabets.ts";
import { assignCodes, type Codes } from "./codes.ts";

/** Leaves and inner nodes of the largest tree, that of literals, and one more: heaps here begin at 1. */
const MAX_NODES = 2 * 286 + 1;

/** What one tree needs while it is made. One for all: making is not interrupted. */
const weights = new Int32Array(MAX_NODES);
const depths = new Uint8Array(MAX_NODES);
const parents = new Uint16Array(MAX_NODES);
const levels = new Uint8Array(MAX_NODES);
const heap = new Int32Array(MAX_NODES + 1);

/**
 * A prefix code of least length for counted symbols. Of many such codes it is the one that zlib makes: of equal counts the
 * shallower subtree goes first, then the order of the heap; and what is too long is shortened in its way.
 */
export class PrefixCode implements Codes {
  readonly #alphabet: Alphabet;
  /** By symbol, to be counted by whoever uses it; `make` may add to it. */
  readonly counts: Int32Array;
  /** By symbol: 0 for one that does not occur. */
  readonly bits: Uint8Array;
  /** By symbol: from its top bit on, as deflate packs codes. */
  readonly codes: Uint16Array;
  /** The last symbol with a code. */
  lastSymbol = -1;
  /** Bits that all counted symbols take, with what follows them: in this code, and in the fixed one. */
  madeBits = 0;
  fixedBits = 0;
  /** Where the sorted nodes begin in the heap. */
  #sorted = 0;

  constructor(alphabet: Alphabet) {
    this.#alphabet = alphabet;
    this.counts = new Int32Array(alphabet.size);
    this.bits = new Uint8Array(alphabet.size);
    this.codes = new Uint16Array(alphabet.size);
  }

  make(): void {
    const root = this.#grow();
    this.#measure(root);
    assignCodes(this.bits, this.lastSymbol + 1, this.codes);
  }

  /** Joins the two lightest until one is left. @returns its number */
  #grow(): number {
    const { size, fixedBits } = this.#alphabet;
    const { counts, bits } = this;
    let length = 0;
    this.lastSymbol = -1;
    this.madeBits = 0;
    this.fixedBits = 0;
    for (let symbol = 0; symbol < size; symbol++) {
      bits[symbol] = 0;
      if (counts[symbol] === 0) continue;
      heap[++length] = symbol;
      this.lastSymbol = symbol;
      weights[symbol] = counts[symbol]!;
      depths[symbol] = 0;
    }
    // Some readers refuse a code of fewer than two; those that are added cost nothing, as they never occur.
    while (length < 2) {
      const symbol = this.lastSymbol < 2 ? ++this.lastSymbol : 0;
      heap[++length] = symbol;
      counts[symbol] = 1;
      weights[symbol] = 1;
      depths[symbol] = 0;
      this.madeBits -= 1;
      this.fixedBits -= fixedBits?.[symbol] ?? 0;
    }
    for (let at = length >> 1; at >= 1; at--) sink(at, length);
    let node = size;
    let sorted = MAX_NODES;
    for (;;) {
      const lightest = heap[1]!;
      heap[1] = heap[length--]!;
      sink(1, length);
      const next = heap[1]!;
      heap[--sorted] = lightest;
      heap[--sorted] = next;
      weights[node] = weights[lightest]! + weights[next]!;
      depths[node] = Math.max(depths[lightest]!, depths[next]!) + 1;
      parents[lightest] = node;
      parents[next] = node;
      heap[1] = node++;
      sink(1, length);
      if (length < 2) break;
    }
    heap[--sorted] = heap[1]!;
    this.#sorted = sorted;
    return heap[1]!;
  }

  /** Lengths of codes: as deep as the tree is, and at most what the alphabet allows. */
  #measure(root: number): void {
    const { size, maxBits, extraBits, fixedBits } = this.#alphabet;
    const { bits, counts } = this;
    const perLength = new Int32Array(maxBits + 1);
    levels[root] = 0;
    let tooLong = 0;
    for (let at = this.#sorted + 1; at < MAX_NODES; at++) {
      const node = heap[at]!;
      let level = levels[parents[node]!]! + 1;
      if (level > maxBits) {
        level = maxBits;
        tooLong += 1;
      }
      levels[node] = level;
      if (node >= size) continue;
      bits[node] = level;
      perLength[level]! += 1;
      this.madeBits += counts[node]! * (level + extraBits[node]!);
      if (fixedBits !== undefined) this.fixedBits += counts[node]! * (fixedBits[node]! + extraBits[node]!);
    }
    if (tooLong === 0) return;
    // Two that are too long share what was the place of a shorter one.
    for (; tooLong > 0; tooLong -= 2) {
      let length = maxBits - 1;
      while (perLength[length] === 0) length -= 1;
      perLength[length]! -= 1;
      perLength[length + 1]! += 2;
      perLength[maxBits]! -= 1;
    }
    // The rarest, which come last, get the longest.
    let at = MAX_NODES;
    for (let length = maxBits; length > 0; length--) {
      for (let left = perLength[length]!; left > 0; ) {
        const node = heap[--at]!;
        if (node >= size) continue;
        this.madeBits += (length - bits[node]!) * counts[node]!;
        bits[node] = length;
        left -= 1;
      }
    }
  }
}

/** Lets a node go down until none below it is lighter. */
function sink(from: number, length: number): void {
  const node = heap[from]!;
  let at = from;
  for (let below = at << 1; below <= length; below <<= 1) {
    if (below < length && isLighter(heap[below + 1]!, heap[below]!)) below += 1;
    if (isLighter(node, heap[below]!)) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = node;
}

function isLighter(a: number, b: number): boolean {
  return weights[a]! < weights[b]! || (weights[a] === weights[b] && depths[a]! <= depths[b]!);
}
