import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";

const CHECK_BYTES = 4;

/**
 * Four bytes of CRC-32 (little-endian) of what follows, then a zstd frame (RFC 8878) of the document's JSON. The CRC is
 * ours because Node 22.18 unpacks a frame whose end is missing without a word.
 */
export function encodeDocument(document: unknown): Uint8Array {
  const frame = zstdCompressSync(JSON.stringify(document), {
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
  const check = Buffer.alloc(CHECK_BYTES);
  check.writeUInt32LE(crc32(frame));
  return Buffer.concat([check, frame]);
}

/**
 * What `read` makes of the document; undefined when the bytes are damaged, would be larger than `maxBytes`, or `read`
 * throws or says so: all one answer, a miss.
 */
export function decodeDocument<Value>(
  bytes: Uint8Array,
  maxBytes: number,
  read: (document: unknown) => Value | undefined,
): Value | undefined {
  try {
    const frame = bytes.subarray(CHECK_BYTES);
    const check = Buffer.from(bytes.buffer, bytes.byteOffset, CHECK_BYTES).readUInt32LE();
    if (check !== crc32(frame)) return undefined;
    return read(JSON.parse(zstdDecompressSync(frame, { maxOutputLength: maxBytes }).toString("utf8")));
  } catch {
    // Fewer than four bytes, no zstd, JSON's syntax, a column that is missing.
    return undefined;
  }
}
