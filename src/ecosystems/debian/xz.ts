import { CambiumError, messageOf } from "../../errors.ts";

/** The .xz file format 1.2: header and footer have 12 bytes each, all parts are multiples of four. */
const FRAME = 12;
const XZ_HINT = "Fetch the file again; if it stays so, take another mirror (--debian-mirror URL).";

/**
 * The content of an .xz of one stream, in memory (60 MB/s). The size that its index declares is held to `maxBytes`
 * before anything is decompressed, and the result to the declared size. The decoder does not compare the checksums of
 * blocks: give it only bytes whose digest was verified.
 * @throws CambiumError `XZ_INVALID` for damaged or cut data, `ARCHIVE_LIMIT` beyond `maxBytes`; `where` is shown.
 */
export async function xzDecompress(bytes: Uint8Array, maxBytes: number, where: string): Promise<Uint8Array> {
  const declared = declaredSize(bytes, where);
  if (declared > maxBytes) {
    throw new CambiumError(
      "ARCHIVE_LIMIT",
      `${where}: ${declared} bytes when decompressed, beyond ${maxBytes}`,
      { hint: XZ_HINT },
    );
  }
  const { xz } = await import("@napi-rs/lzma");
  let content: Uint8Array;
  try {
    content = xz.decompressSync(bytes);
  } catch (error) {
    throw invalid(where, messageOf(error), error);
  }
  if (content.length !== declared) {
    throw invalid(where, `${content.length} bytes, but its index declares ${declared}`);
  }
  return content;
}

/** Sum of the blocks' sizes by the stream's index, found through the footer (format §2.1.2, §4). */
function declaredSize(bytes: Uint8Array, where: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 2 * FRAME + 8 || view.getUint16(bytes.length - 2) !== 0x595a) {
    throw invalid(where, "no footer at its end");
  }
  const indexSize = (view.getUint32(bytes.length - 8, true) + 1) * 4;
  const start = bytes.length - FRAME - indexSize;
  if (start < FRAME || bytes[start] !== 0) throw invalid(where, "no index where its footer says");
  const end = bytes.length - FRAME;
  let at = start + 1;
  const number = (): number => {
    // Seven bits a byte, the low ones first; nine bytes are the most (format §1.2).
    let value = 0;
    for (let i = 0; i < 9; i++) {
      const byte = at < end ? bytes[at++] : undefined;
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw invalid(where, "its index is cut");
  };
  const blocks = number();
  let total = 0;
  for (let i = 0; i < blocks; i++) {
    number();
    total += number();
  }
  return total;
}

function invalid(where: string, reason: string, cause?: unknown): CambiumError {
  return new CambiumError("XZ_INVALID", `${where}: damaged or cut xz data: ${reason}`, {
    cause,
    hint: XZ_HINT,
  });
}
