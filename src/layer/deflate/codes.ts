import { DISTANCES, LITERALS } from "./alphabets.ts";

/** By symbol the length of its code, 0 for one without, and the code: from its top bit on, as deflate packs codes. */
export type Codes = { readonly bits: Uint8Array; readonly codes: Uint16Array };

/** The codes that a block need not bring (RFC 1951 §3.2.6). */
export const FIXED_LITERALS: Codes = codesOf(LITERALS.fixedBits);
export const FIXED_DISTANCES: Codes = codesOf(DISTANCES.fixedBits);

function codesOf(bits: Uint8Array): Codes {
  const codes = new Uint16Array(bits.length);
  assignCodes(bits, bits.length, codes);
  return { bits, codes };
}

/** Codes of these lengths, of the first symbols: shorter ones first, then in the order of symbols (RFC 1951 §3.2.2). */
export function assignCodes(bits: Uint8Array, count: number, codes: Uint16Array): void {
  const next = new Uint16Array(17);
  for (let symbol = 0; symbol < count; symbol++) next[bits[symbol]! + 1]! += 1;
  next[1] = 0;
  for (let length = 2; length <= 16; length++) next[length] = (next[length]! + next[length - 1]!) << 1;
  for (let symbol = 0; symbol < count; symbol++) {
    const length = bits[symbol]!;
    if (length > 0) codes[symbol] = reversed(next[length]!++, length);
  }
}

function reversed(code: number, length: number): number {
  let turned = 0;
  for (let rest = code, i = 0; i < length; i++, rest >>= 1) turned = (turned << 1) | (rest & 1);
  return turned;
}
