/**
 * Text of bytes that should be UTF-8 but need not be, as file names on Linux: a byte that is part of no character
 * becomes a lone surrogate, U+DC00 + byte, which no UTF-8 decodes to. So every name has its own string, strings that
 * are UTF-8 look as ever, and `bytesFromText` gives the very bytes back. (Python's PEP 383 does the same.)
 */
export function textFromBytes(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!text.includes("\ufffd") || Buffer.from(text, "utf8").equals(bytes)) return text;
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    out += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString("utf8", at, at + length);
    at += length || 1;
  }
  return out;
}

/** The bytes of a text; other lone surrogates than those of `textFromBytes` become U+FFFD. */
export function bytesFromText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const parts: Buffer[] = [];
  for (const character of text) {
    const unit = character.charCodeAt(0);
    const isByte = character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff;
    parts.push(isByte ? Buffer.of(unit - 0xdc00) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(parts);
}

/** Bytes of the character that begins at `at` (RFC 3629, section 4); 0 when none does. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const part = bytes.subarray(at, at + length);
  if (first < 0xc2 || first > 0xf4 || part.length < length) return 0;
  // The decoder knows the exceptions: overlong forms, surrogates, what lies beyond U+10FFFF.
  return Buffer.from(part.toString("utf8"), "utf8").equals(part) ? length : 0;
}
