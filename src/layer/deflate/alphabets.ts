/** An alphabet of deflate (RFC 1951 §3.2.5 to §3.2.7). */
export type Alphabet = {
  readonly size: number;
  /** No code of it is longer. */
  readonly maxBits: number;
  /** By symbol: bits that follow its code. */
  readonly extraBits: Uint8Array;
  /** By symbol: its length among the fixed codes. The lengths of codes themselves have none. */
  readonly fixedBits?: Uint8Array;
};

/** The symbol that ends a block. */
export const END_OF_BLOCK = 256;
export const MIN_MATCH = 3;
export const MAX_MATCH = 258;

const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const FIRST_LENGTH = END_OF_BLOCK + 1;

/** By `length - MIN_MATCH`: its symbol, and by how much it is longer than the first of that symbol. */
export const LENGTH_SYMBOL = new Uint16Array(256);
export const LENGTH_REST = new Uint8Array(256);
for (let symbol = 0, at = 0; symbol < LENGTH_EXTRA.length; symbol++) {
  // The longest match has a symbol of its own, which ends the run of the one before.
  if (symbol === LENGTH_EXTRA.length - 1) at = MAX_MATCH - MIN_MATCH;
  for (let rest = 0; rest < 1 << LENGTH_EXTRA[symbol]! && at < 256; rest++, at++) {
    LENGTH_SYMBOL[at] = FIRST_LENGTH + symbol;
    LENGTH_REST[at] = rest;
  }
}

const DISTANCE_EXTRA = Uint8Array.from({ length: 30 }, (_, symbol) => Math.max(0, (symbol >> 1) - 1));
/** By symbol: its shortest distance. */
export const DISTANCE_BASE = new Uint16Array(30);
/** By distance less 1 up to 255; of longer ones, whose symbols begin at multiples of 128, by that many 128s, after those. */
const DISTANCE_SYMBOL = new Uint8Array(512);
for (let symbol = 0, at = 0; symbol < 30; symbol++) {
  DISTANCE_BASE[symbol] = at + 1;
  const end = at + (1 << DISTANCE_EXTRA[symbol]!);
  for (; at < end; at += at < 256 ? 1 : 128) DISTANCE_SYMBOL[at < 256 ? at : 256 + (at >> 7)] = symbol;
}

export function distanceSymbol(distance: number): number {
  const at = distance - 1;
  return DISTANCE_SYMBOL[at < 256 ? at : 256 + (at >> 7)]!;
}

function fixedLiteralBits(symbol: number): number {
  if (symbol < 144) return 8;
  if (symbol < 256) return 9;
  return symbol < 280 ? 7 : 8;
}

/** Literals, the end of a block, and lengths. */
export const LITERALS: Alphabet & { readonly fixedBits: Uint8Array } = {
  size: FIRST_LENGTH + LENGTH_EXTRA.length,
  maxBits: 15,
  extraBits: Uint8Array.from({ length: FIRST_LENGTH + LENGTH_EXTRA.length }, (_, symbol) =>
    symbol < FIRST_LENGTH ? 0 : LENGTH_EXTRA[symbol - FIRST_LENGTH]!,
  ),
  fixedBits: Uint8Array.from({ length: 288 }, (_, symbol) => fixedLiteralBits(symbol)),
};

export const DISTANCES: Alphabet & { readonly fixedBits: Uint8Array } = {
  ...{ size: 30, maxBits: 15, extraBits: DISTANCE_EXTRA },
  fixedBits: new Uint8Array(30).fill(5),
};

/** Symbols for a run of code lengths: the one before 3 to 6 times, zero 3 to 10 times, zero 11 to 138 times. */
export const REPEAT = 16;
export const FEW_ZEROS = 17;
export const MANY_ZEROS = 18;

/** Lengths of the other two's codes. */
export const CODE_LENGTHS: Alphabet = {
  size: 19,
  maxBits: 7,
  extraBits: Uint8Array.from({ length: 19 }, (_, symbol) =>
    symbol < REPEAT ? 0 : [2, 3, 7][symbol - REPEAT]!,
  ),
};
