import {
  CODE_LENGTHS,
  DISTANCE_BASE,
  DISTANCES,
  distanceSymbol,
  END_OF_BLOCK,
  FEW_ZEROS,
  LENGTH_REST,
  LENGTH_SYMBOL,
  LITERALS,
  MANY_ZEROS,
  MIN_MATCH,
  REPEAT,
} from "./alphabets.ts";
import type { BitWriter } from "./bit-writer.ts";
import { type Codes, FIXED_DISTANCES, FIXED_LITERALS } from "./codes.ts";
import { PrefixCode } from "./prefix-code.ts";

/** A block ends with so many symbols: zlib's at memLevel 8, whose last place stays empty. */
const MAX_SYMBOLS = (1 << 14) - 1;

/** The lengths of codes are in this order, so that those that are seldom used can be left off (RFC 1951 §3.2.7). */
const LENGTHS_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

const STORED = 0;
const FIXED = 1;
const MADE = 2;

/** Symbols until they fill a block, and how often each came. */
export class Block {
  /** A byte for a literal, `distance << 8 | length - MIN_MATCH` for a match, whose distance is never 0. */
  readonly #symbols = new Int32Array(MAX_SYMBOLS);
  #length = 0;
  readonly #literals = new PrefixCode(LITERALS);
  readonly #distances = new PrefixCode(DISTANCES);
  readonly #lengths = new PrefixCode(CODE_LENGTHS);

  constructor() {
    this.#clear();
  }

  #clear(): void {
    this.#length = 0;
    this.#literals.counts.fill(0);
    this.#distances.counts.fill(0);
    this.#literals.counts[END_OF_BLOCK] = 1;
  }

  /** @returns whether the block is full */
  literal(byte: number): boolean {
    this.#symbols[this.#length++] = byte;
    this.#literals.counts[byte]! += 1;
    return this.#length === MAX_SYMBOLS;
  }

  /** @returns whether the block is full */
  match(distance: number, length: number): boolean {
    this.#symbols[this.#length++] = (distance << 8) | (length - MIN_MATCH);
    this.#literals.counts[LENGTH_SYMBOL[length - MIN_MATCH]!]! += 1;
    this.#distances.counts[distanceSymbol(distance)]! += 1;
    return this.#length === MAX_SYMBOLS;
  }

  /**
   * Writes the block in the shortest of its three forms, and begins a new one.
   * @param size bytes that the symbols stand for
   * @param content those, where they are still at hand
   */
  write(size: number, content: Uint8Array | undefined, isLast: boolean, writer: BitWriter): void {
    const literals = this.#literals;
    const distances = this.#distances;
    literals.make();
    distances.make();
    const runs = runsOf(literals, distances);
    const lengths = this.#lengths;
    lengths.counts.fill(0);
    for (const { symbol } of runs) lengths.counts[symbol]! += 1;
    lengths.make();
    let lengthCount = LENGTHS_ORDER.length;
    while (lengthCount > 4 && lengths.bits[LENGTHS_ORDER[lengthCount - 1]!] === 0) lengthCount -= 1;
    const madeBits = literals.madeBits + distances.madeBits + lengths.madeBits + 3 * lengthCount + 14;
    const fixedBytes = bytesOf(literals.fixedBits + distances.fixedBits);
    const bytes = Math.min(bytesOf(madeBits), fixedBytes);
    writer.reserve(bytes + 16);
    const last = isLast ? 1 : 0;
    if (content !== undefined && size + 4 <= bytes) {
      writer.put((STORED << 1) | last, 3);
      writer.align();
      writer.put(size, 16);
      writer.put(~size & 0xffff, 16);
      writer.copy(content);
    } else if (fixedBytes === bytes) {
      writer.put((FIXED << 1) | last, 3);
      this.#writeSymbols(FIXED_LITERALS, FIXED_DISTANCES, writer);
    } else {
      writer.put((MADE << 1) | last, 3);
      writer.put(literals.lastSymbol - 256, 5);
      writer.put(distances.lastSymbol, 5);
      writer.put(lengthCount - 4, 4);
      for (let at = 0; at < lengthCount; at++) writer.put(lengths.bits[LENGTHS_ORDER[at]!]!, 3);
      for (const { symbol, rest } of runs) {
        writer.put(lengths.codes[symbol]!, lengths.bits[symbol]!);
        if (symbol >= REPEAT) writer.put(rest, CODE_LENGTHS.extraBits[symbol]!);
      }
      this.#writeSymbols(literals, distances, writer);
    }
    this.#clear();
  }

  #writeSymbols(literals: Codes, distances: Codes, writer: BitWriter): void {
    const symbols = this.#symbols;
    const length = this.#length;
    const { bits: literalBits, codes: literalCodes } = literals;
    for (let i = 0; i < length; i++) {
      const symbol = symbols[i]!;
      if (symbol < 256) {
        writer.put(literalCodes[symbol]!, literalBits[symbol]!);
        continue;
      }
      const matched = symbol & 255;
      const lengthSymbol = LENGTH_SYMBOL[matched]!;
      writer.put(literalCodes[lengthSymbol]!, literalBits[lengthSymbol]!);
      writer.put(LENGTH_REST[matched]!, LITERALS.extraBits[lengthSymbol]!);
      const distance = symbol >>> 8;
      const farSymbol = distanceSymbol(distance);
      writer.put(distances.codes[farSymbol]!, distances.bits[farSymbol]!);
      writer.put(distance - DISTANCE_BASE[farSymbol]!, DISTANCES.extraBits[farSymbol]!);
    }
    writer.put(literalCodes[END_OF_BLOCK]!, literalBits[END_OF_BLOCK]!);
  }
}

/** Bytes of a block with its three bits of header. */
function bytesOf(bits: number): number {
  return (bits + 3 + 7) >>> 3;
}

type Run = { readonly symbol: number; readonly rest: number };

/** How the lengths of both codes are told. None goes over from one into the other, as deflate would allow. */
function runsOf(literals: PrefixCode, distances: PrefixCode): Run[] {
  const runs: Run[] = [];
  for (const { bits, lastSymbol } of [literals, distances]) {
    let before = -1;
    for (let at = 0; at <= lastSymbol; ) {
      const length = bits[at]!;
      const kind = length === 0 ? ZEROS : length === before ? SAME : OTHER;
      let count = 1;
      while (count < kind.most && at + count <= lastSymbol && bits[at + count] === length) count += 1;
      if (count < kind.least) for (let i = 0; i < count; i++) runs.push({ symbol: length, rest: 0 });
      else if (length === 0) runs.push(zeros(count));
      else if (length === before) runs.push({ symbol: REPEAT, rest: count - 3 });
      else runs.push({ symbol: length, rest: 0 }, { symbol: REPEAT, rest: count - 4 });
      at += count;
      before = length;
    }
  }
  return runs;
}

/** How many lengths are told at once, and from how many on that is shorter: another than before is told once first. */
const ZEROS = { least: 3, most: 138 };
const SAME = { least: 3, most: 6 };
const OTHER = { least: 4, most: 7 };

function zeros(count: number): Run {
  return count <= 10 ? { symbol: FEW_ZEROS, rest: count - 3 } : { symbol: MANY_ZEROS, rest: count - 11 };
}
