import { crc32 } from "node:zlib";

/** Of a gzip member without name and time: flags 0, mtime 0, no hint, unknown system (RFC 1952 §2.3). */
const MEMBER_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** Bytes that a gzip member adds around its deflate stream. */
export const MEMBER_OVERHEAD = 18;

export function memberHeader(): Uint8Array {
  return MEMBER_HEADER;
}

/** CRC-32 of the content and its size modulo 2^32, little-endian (RFC 1952 §2.3.1). */
export function memberTrailer(crc: number, size: number): Uint8Array {
  const trailer = Buffer.allocUnsafe(8);
  trailer.writeUInt32LE(crc >>> 0, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  return trailer;
}

/**
 * One gzip member of tar headers and padding.
 *
 * Such bytes are short names between long runs of zeros, and the header before is much like this one. So a tiny own
 * encoder serves: fixed Huffman codes, matches at distance 1 (runs) and 512 (the same field one header earlier).
 * It has no tables to build, which makes it 11 times faster per header (4 µs against 46 µs) than a general compressor
 * (docs/design/0002-layer-bytes.md), and its output depends on nothing but this file.
 */
export function headerMember(bytes: Uint8Array): Uint8Array {
  const deflated = deflateHeaders(bytes);
  return Buffer.concat([MEMBER_HEADER, deflated, memberTrailer(crc32(bytes), bytes.length)]);
}

const MIN_MATCH = 4;
const MAX_MATCH = 258;

/** RFC 1951 §3.2.6: fixed Huffman codes, here bit-reversed, since deflate packs codes from their top bit. */
const LITERAL_CODES = new Uint16Array(288);
const LITERAL_BITS = new Uint8Array(288);
for (let symbol = 0; symbol < 288; symbol++) {
  const [code, bits] =
    symbol < 144
      ? [0x30 + symbol, 8]
      : symbol < 256
        ? [0x190 + symbol - 144, 9]
        : symbol < 280
          ? [symbol - 256, 7]
          : [0xc0 + symbol - 280, 8];
  LITERAL_CODES[symbol] = reverse(code, bits);
  LITERAL_BITS[symbol] = bits;
}

/** RFC 1951 §3.2.5: for each length its symbol, and what follows it in extra bits. */
const LENGTH_SYMBOL = new Uint16Array(MAX_MATCH + 1);
const LENGTH_EXTRA_BITS = new Uint8Array(MAX_MATCH + 1);
const LENGTH_EXTRA = new Uint8Array(MAX_MATCH + 1);
for (let symbol = 257, length = 3; symbol < 285; symbol++) {
  const bits = symbol < 265 ? 0 : (symbol - 261) >> 2;
  for (let extra = 0; extra < 1 << bits && length < MAX_MATCH; extra++, length++) {
    LENGTH_SYMBOL[length] = symbol;
    LENGTH_EXTRA_BITS[length] = bits;
    LENGTH_EXTRA[length] = extra;
  }
}
LENGTH_SYMBOL[MAX_MATCH] = 285;

/** Distance 1 is code 0; distance 512 is code 17 (385 to 512) with 7 extra bits, all set. */
const DISTANCE_1 = { code: reverse(0, 5), extra: 0, extraBits: 0 };
const DISTANCE_512 = { code: reverse(17, 5), extra: 127, extraBits: 7 };

function reverse(code: number, bits: number): number {
  let out = 0;
  for (let i = 0; i < bits; i++) out |= ((code >> i) & 1) << (bits - 1 - i);
  return out;
}

function deflateHeaders(bytes: Uint8Array): Uint8Array {
  // At most 9 bits a byte, and 3 + 7 bits around.
  const out = new Uint8Array(bytes.length + (bytes.length >> 3) + 4);
  let position = 0;
  let hold = 0;
  let held = 0;
  const put = (value: number, bits: number) => {
    hold |= value << held;
    held += bits;
    while (held >= 8) {
      out[position++] = hold & 0xff;
      hold >>>= 8;
      held -= 8;
    }
  };

  put(0b011, 3); // last block, fixed codes
  for (let at = 0; at < bytes.length; ) {
    const run = at >= 1 ? matchLength(bytes, at, 1) : 0;
    const same = at >= 512 ? matchLength(bytes, at, 512) : 0;
    const length = Math.max(run, same);
    if (length < MIN_MATCH) {
      const byte = bytes[at++] as number;
      put(LITERAL_CODES[byte] as number, LITERAL_BITS[byte] as number);
      continue;
    }
    const symbol = LENGTH_SYMBOL[length] as number;
    put(LITERAL_CODES[symbol] as number, LITERAL_BITS[symbol] as number);
    put(LENGTH_EXTRA[length] as number, LENGTH_EXTRA_BITS[length] as number);
    const distance = run >= same ? DISTANCE_1 : DISTANCE_512;
    put(distance.code, 5);
    put(distance.extra, distance.extraBits);
    at += length;
  }
  put(LITERAL_CODES[256] as number, LITERAL_BITS[256] as number);
  if (held > 0) out[position++] = hold & 0xff;
  return out.subarray(0, position);
}

function matchLength(bytes: Uint8Array, at: number, distance: number): number {
  const limit = Math.min(MAX_MATCH, bytes.length - at);
  let length = 0;
  while (length < limit && bytes[at + length] === bytes[at + length - distance]) length++;
  return length;
}
