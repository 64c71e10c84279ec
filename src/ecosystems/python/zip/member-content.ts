import { constants, crc32, inflateRawSync } from "node:zlib";
import { CambiumError, messageOf } from "../../../errors.ts";
import type { Archive, ArchiveMember } from "../archive.ts";

/** A member that is not deflate is held in memory to be recompressed; 132 wheels looked at had none at all. */
export const MAX_WHOLE_BYTES = 256 << 20;

/**
 * The content of one member, checked against the declared size and CRC.
 * @throws CambiumError `ARCHIVE_LIMIT` above `maxBytes`, `SIZE_INVALID`, `CRC_INVALID`, `DEFLATE_INVALID` (whatever the
 * compression).
 */
export async function readMember(
  archive: Archive,
  member: ArchiveMember,
  maxBytes = MAX_WHOLE_BYTES,
): Promise<Uint8Array> {
  const what = `${archive.where}: ${member.name}`;
  if (member.sizeBytes > maxBytes || member.compressedBytes > maxBytes + (1 << 16)) {
    throw new CambiumError(
      "ARCHIVE_LIMIT",
      `${what}: ${member.sizeBytes} bytes (${member.compressedBytes} ${member.compression}); at most ${maxBytes} here`,
      { hint: "Metadata is small, and a large member must be deflated; have the wheel rebuilt." },
    );
  }
  if (member.sizeBytes === 0) return new Uint8Array(0);
  const raw = rawBytes(archive, member, member.compressedBytes);
  const decompress = await decompressor(member);
  let content: Uint8Array;
  try {
    content = decompress(raw, member.sizeBytes);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE") {
      throw sizeInvalid(what, member, "more");
    }
    throw new CambiumError(
      "DEFLATE_INVALID",
      `${what}: no valid ${member.compression} data: ${messageOf(cause)}`,
      {
        cause,
        hint: "The archive is damaged; fetch it anew.",
      },
    );
  }
  if (content.length !== member.sizeBytes) throw sizeInvalid(what, member, content.length);
  const crc = crc32(content);
  if (crc !== member.crc32) {
    throw new CambiumError("CRC_INVALID", `${what}: want CRC-32 ${hex(member.crc32)}, got ${hex(crc)}`, {
      hint: "The archive is damaged; fetch it anew.",
    });
  }
  return content;
}

/** Whether the content begins with `prefix`, without decompressing a large member. */
export async function startsWith(
  archive: Archive,
  member: ArchiveMember,
  prefix: Uint8Array,
): Promise<boolean> {
  if (member.sizeBytes < prefix.length) return false;
  const isPart = member.compression === "deflate" || member.compression === "stored";
  if (!isPart || member.compressedBytes <= PREFIX_BYTES) {
    const content = await readMember(archive, member);
    return Buffer.compare(content.subarray(0, prefix.length), prefix) === 0;
  }
  const raw = rawBytes(archive, member, PREFIX_BYTES);
  if (member.compression === "stored") return raw.subarray(0, prefix.length).equals(prefix);
  // The end is missing on purpose: this flush mode gives what is there. Whatever is damaged fails when read in full.
  const start = inflateRawSync(raw, { finishFlush: constants.Z_SYNC_FLUSH });
  return start.subarray(0, prefix.length).equals(prefix);
}

const PREFIX_BYTES = 4096;

function rawBytes(archive: Archive, member: ArchiveMember, length: number): Buffer {
  const raw = Buffer.allocUnsafe(length);
  archive.file.read(member.dataOffset, raw);
  return raw;
}

/** Turns all raw bytes into at most `sizeBytes` of content, or throws an error of any kind. */
type Decompress = (raw: Buffer, sizeBytes: number) => Uint8Array;

/** Rare decoders are loaded only when met; a failure to load one says nothing about the archive. */
async function decompressor(member: ArchiveMember): Promise<Decompress> {
  switch (member.compression) {
    case "stored":
      return (raw) => raw;
    case "deflate":
      return inflated;
    case "bzip2": {
      const { default: bunzip } = await import("seek-bzip");
      return (raw, sizeBytes) => {
        const content = Buffer.allocUnsafe(sizeBytes);
        let at = 0;
        bunzip.decode(raw, {
          writeByte(byte) {
            if (at === sizeBytes) throw new RangeError("more content than declared");
            content[at++] = byte;
          },
        });
        return content.subarray(0, at);
      };
    }
    case "lzma": {
      const { lzma } = await import("@napi-rs/lzma");
      return (raw, sizeBytes) => lzma.decompressSync(lzmaAlone(raw, sizeBytes));
    }
  }
}

function inflated(raw: Buffer, sizeBytes: number): Uint8Array {
  // One output buffer of the right size: half the time of zlib's default for small members.
  return inflateRawSync(raw, { maxOutputLength: sizeBytes, chunkSize: Math.max(64, sizeBytes + 1) });
}

/**
 * LZMA in zip (APPNOTE 5.8.8) is version, length of properties, properties, raw stream. The decoder wants the `.lzma`
 * header instead: the same properties and a 64-bit size, at which it stops, end marker or not.
 */
function lzmaAlone(raw: Buffer, sizeBytes: number): Uint8Array {
  if (raw.length < 9 || raw.readUInt16LE(2) !== 5) throw new RangeError("no 5 bytes of LZMA properties");
  const alone = Buffer.allocUnsafe(raw.length + 4);
  raw.copy(alone, 0, 4, 9);
  alone.writeBigUInt64LE(BigInt(sizeBytes), 5);
  raw.copy(alone, 13, 9);
  return alone;
}

function sizeInvalid(what: string, member: ArchiveMember, got: number | "more"): CambiumError {
  return new CambiumError("SIZE_INVALID", `${what}: got ${got} of ${member.sizeBytes} bytes`, {
    hint: "The archive does not hold what it declares; fetch it anew.",
  });
}

function hex(crc: number): string {
  return (crc >>> 0).toString(16).padStart(8, "0");
}
