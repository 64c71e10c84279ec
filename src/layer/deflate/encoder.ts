import { MAX_MATCH, MIN_MATCH } from "./alphabets.ts";
import { BitWriter } from "./bit-writer.ts";
import { Block } from "./block.ts";

/** Distances of deflate end here (windowBits 15). */
const WINDOW = 1 << 15;
const MASK = WINDOW - 1;
const HASHES = 1 << 15;
const HASH_FACTOR = 66_521;
/** zlib decides about a place only when it has this much from it on, or the end. */
const LOOKAHEAD = MAX_MATCH + MIN_MATCH + 1;
/** So it also looks no farther back than this. */
const MAX_DISTANCE = WINDOW - LOOKAHEAD;
/** Its window holds 64 KiB. Here it moves on by half of them. */
const MOVES_AT = WINDOW + MAX_DISTANCE;

/** Level 4: a match of 4 is taken without a look at the next place, one of 16 ends the search, and 16 are tried. */
const LAZY = 4;
const NICE = 16;
const TRIES = 16;
/** A match of 3 from farther away takes more bits than its literals. */
const TOO_FAR = 4096;

/** Positions go on over all streams of an encoder; before they leave 32 bits they begin anew. */
const MAX_POSITION = 2 ** 30;
/** Of a stream: a multiple of the window, and much more than what must stay, so that little is moved. */
const BUFFER_BYTES = 1 << 18;

/**
 * Deflates streams, one after the other, with a search like that of zlib's `deflate_slow` and its ends of blocks, so that
 * the bytes are those of pako 3.0.3 (zlib 1.3 with Chromium's hash of four bytes) at level 4, memLevel 8, windowBits 15.
 * Nothing is cleared between streams: what an earlier one left in the tables is below the window of the next. Making and
 * clearing them anew took a third of the time for files of a few KB.
 */
export class Encoder {
  readonly #writer = new BitWriter();
  readonly #block = new Block();
  /** By hash the last position, and by the lower 15 bits of a position the one before it of the same hash. */
  readonly #heads = new Int32Array(HASHES).fill(-1);
  readonly #before = new Int32Array(WINDOW).fill(-1);
  #buffer: Uint8Array | undefined;
  /** What is there of the stream: all, or the buffer. */
  #bytes: Uint8Array = new Uint8Array(0);
  /** All below are indices in it. A position is an index and this. */
  #bias = 0;
  /** Where zlib's window begins, up to where it is filled, and up to where there are bytes. */
  #base = 0;
  #seen = 0;
  #end = 0;
  #at = 0;
  #blockFrom = 0;
  /** The match at the place before `#at`, which is taken unless the next is longer. */
  #length = MIN_MATCH - 1;
  #from = 0;
  /** Or the byte there is a literal, if no match begins with it. */
  #isLiteralOpen = false;
  readonly #maxPosition: number;

  constructor(maxPosition = MAX_POSITION) {
    this.#maxPosition = maxPosition;
  }

  /** A whole stream. */
  encode(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.#maxPosition) {
      this.begin();
      return Buffer.concat([this.push(bytes), this.finish()]);
    }
    this.#begin(bytes, bytes.length);
    this.#run(true);
    this.#bytes = new Uint8Array(0);
    return this.#writer.take();
  }

  /** A stream that comes in parts: then `push`, and at last `finish`. Each returns what is ready. */
  begin(): void {
    this.#buffer ??= new Uint8Array(BUFFER_BYTES);
    this.#begin(this.#buffer, 0);
  }

  push(part: Uint8Array): Uint8Array {
    for (let taken = 0; taken < part.length; ) {
      if (this.#end === BUFFER_BYTES) this.#compact();
      const piece = part.subarray(taken, taken + BUFFER_BYTES - this.#end);
      this.#bytes.set(piece, this.#end);
      this.#end += piece.length;
      taken += piece.length;
      this.#run(false);
    }
    return this.#writer.take();
  }

  finish(): Uint8Array {
    this.#run(true);
    return this.#writer.take();
  }

  #begin(bytes: Uint8Array, end: number): void {
    this.#bias += this.#end;
    if (this.#bias > this.#maxPosition) this.#rebase();
    this.#bytes = bytes;
    this.#base = 0;
    this.#seen = 0;
    this.#end = end;
    this.#at = 0;
    this.#blockFrom = 0;
    this.#length = MIN_MATCH - 1;
    this.#isLiteralOpen = false;
  }

  /** Encodes what is there, as far as what may follow does not matter. */
  #run(isLast: boolean): void {
    const bytes = this.#bytes;
    const heads = this.#heads;
    const before = this.#before;
    const block = this.#block;
    const bias = this.#bias;
    const end = this.#end;
    let base = this.#base;
    let seen = this.#seen;
    let at = this.#at;
    let length = this.#length;
    let from = this.#from;
    let isLiteralOpen = this.#isLiteralOpen;
    // Four bytes, the first lowest. The one before `at` is pushed out by the first that comes.
    let word = (bytes[at]! << 8) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 24);
    for (;;) {
      if (seen - at < LOOKAHEAD) {
        if (at === end || (!isLast && end - at < LOOKAHEAD)) break;
        if (at - base >= MOVES_AT) base += WINDOW;
        seen = Math.min(base + 2 * WINDOW, end);
      }
      let candidate = -1;
      if (seen - at >= MIN_MATCH) {
        // Behind the end zlib finds what stood there before its window moved, half a window ago.
        const fourth = at + 3 < end ? bytes[at + 3]! : base > 0 ? bytes[end - WINDOW]! : 0;
        word = (word >>> 8) | (fourth << 24);
        const hash = ((Math.imul(word, HASH_FACTOR) + HASH_FACTOR) >>> 16) & (HASHES - 1);
        const head = heads[hash]!;
        before[at & MASK] = head;
        heads[hash] = at + bias;
        candidate = head - bias;
      }
      const earlier = length;
      const earlierFrom = from;
      length = MIN_MATCH - 1;
      // What is at the very beginning of zlib's window means "none" there.
      if (candidate > base && earlier < LAZY && at - candidate <= MAX_DISTANCE) {
        const most = Math.min(MAX_MATCH, seen - at);
        const limit = Math.max(base, at - MAX_DISTANCE);
        length = earlier;
        if (length < most) {
          const nice = Math.min(NICE, most);
          const first = bytes[at]!;
          const second = bytes[at + 1]!;
          let last = bytes[at + length]!;
          let tries = TRIES;
          do {
            if (
              bytes[candidate + length] === last &&
              bytes[candidate] === first &&
              bytes[candidate + 1] === second
            ) {
              let found = 2;
              while (found < most && bytes[candidate + found] === bytes[at + found]) found += 1;
              if (found > length) {
                from = candidate;
                length = found;
                if (found >= nice) break;
                last = bytes[at + length]!;
              }
            }
            candidate = before[candidate & MASK]! - bias;
          } while (candidate > limit && --tries !== 0);
        }
        if (length === MIN_MATCH && at - from > TOO_FAR) length = MIN_MATCH - 1;
      }
      if (earlier >= MIN_MATCH && length <= earlier) {
        const isFull = block.match(at - 1 - earlierFrom, earlier);
        const next = at - 1 + earlier;
        // The last two places have no three bytes.
        const hashed = Math.min(next, seen - MIN_MATCH + 1);
        for (at += 1; at < hashed; at++) {
          word = (word >>> 8) | (bytes[at + 3]! << 24);
          const hash = ((Math.imul(word, HASH_FACTOR) + HASH_FACTOR) >>> 16) & (HASHES - 1);
          before[at & MASK] = heads[hash]!;
          heads[hash] = at + bias;
        }
        at = next;
        isLiteralOpen = false;
        length = MIN_MATCH - 1;
        if (isFull) this.#endBlock(at, base, false);
      } else {
        if (isLiteralOpen && block.literal(bytes[at - 1]!)) this.#endBlock(at, base, false);
        isLiteralOpen = true;
        at += 1;
      }
    }
    if (isLast) {
      if (isLiteralOpen) block.literal(bytes[at - 1]!);
      this.#endBlock(at, base, true);
      this.#writer.align();
    }
    this.#base = base;
    this.#seen = seen;
    this.#at = at;
    this.#length = length;
    this.#from = from;
    this.#isLiteralOpen = isLiteralOpen;
  }

  #endBlock(to: number, base: number, isLast: boolean): void {
    const from = this.#blockFrom;
    // zlib can store only what its window still has.
    const content = from >= base ? this.#bytes.subarray(from, to) : undefined;
    this.#block.write(to - from, content, isLast, this.#writer);
    this.#blockFrom = to;
  }

  /** Moves the window, of which a full buffer has all, to the buffer's beginning. */
  #compact(): void {
    const gone = this.#base;
    this.#bytes.copyWithin(0, gone, this.#end);
    this.#base = 0;
    this.#seen -= gone;
    this.#end -= gone;
    this.#at -= gone;
    this.#blockFrom -= gone;
    this.#from -= gone;
    this.#bias += gone;
    if (this.#bias > this.#maxPosition) this.#rebase();
  }

  /** Positions become indices. */
  #rebase(): void {
    for (const table of [this.#heads, this.#before]) {
      for (let i = 0; i < table.length; i++) table[i] = Math.max(-1, table[i]! - this.#bias);
    }
    this.#bias = 0;
  }
}
