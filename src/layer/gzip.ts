import { crc32 } from "node:zlib";
import {
  DISTANCE_BASE,
  DISTANCES,
  distanceSymbol,
  END_OF_BLOCK,
  LENGTH_REST,
  LENGTH_SYMBOL,
  LITERALS,
  MAX_MATCH,
  MIN_MATCH,
} from "./deflate/alphabets.ts";
import { BitWriter } from "./deflate/bit-writer.ts";
import { FIXED_DISTANCES, FIXED_LITERALS } from "./deflate/codes.ts";

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

/** Less takes as many bits as literals. */
const LEAST_MATCH = 4;
const writer = new BitWriter();

function deflateHeaders(bytes: Uint8Array): Uint8Array {
  // At most 9 bits a byte, and 3 + 7 bits around.
  writer.reserve(bytes.length + (bytes.length >> 3) + 4);
  writer.put(0b011, 3); // last block, fixed codes
  for (let at = 0; at < bytes.length; ) {
    const run = at >= 1 ? matchLength(bytes, at, 1) : 0;
    const same = at >= 512 ? matchLength(bytes, at, 512) : 0;
    const length = Math.max(run, same);
    if (length < LEAST_MATCH) {
      putLiteral(bytes[at++]!);
      continue;
    }
    const symbol = LENGTH_SYMBOL[length - MIN_MATCH]!;
    putLiteral(symbol);
    writer.put(LENGTH_REST[length - MIN_MATCH]!, LITERALS.extraBits[symbol]!);
    putDistance(run >= same ? 1 : 512);
    at += length;
  }
  putLiteral(END_OF_BLOCK);
  writer.align();
  return writer.take();
}

function putLiteral(symbol: number): void {
  writer.put(FIXED_LITERALS.codes[symbol]!, FIXED_LITERALS.bits[symbol]!);
}

function putDistance(distance: number): void {
  const symbol = distanceSymbol(distance);
  writer.put(FIXED_DISTANCES.codes[symbol]!, FIXED_DISTANCES.bits[symbol]!);
  writer.put(distance - DISTANCE_BASE[symbol]!, DISTANCES.extraBits[symbol]!);
}

function matchLength(bytes: Uint8Array, at: number, distance: number): number {
  const limit = Math.min(MAX_MATCH, bytes.length - at);
  let length = 0;
  while (length < limit && bytes[at + length] === bytes[at + length - distance]) length++;
  return length;
}
