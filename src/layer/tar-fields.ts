import { CambiumError } from "../errors.ts";

/** What one header block says, before PAX and GNU extensions are applied. Numbers are checked, names are raw. */
export type TarBlock = {
  readonly typeflag: string;
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSec: number;
  readonly uname: string;
  readonly gname: string;
  readonly major: number;
  readonly minor: number;
};

export const BLOCK_SIZE = 512;
const CHECKSUM_OFFSET = 148;
const CHECKSUM_LENGTH = 8;
const SPACE = 0x20;

/** @throws CambiumError `ARCHIVE_HEADER`. */
export function headerError(where: string, problem: string): CambiumError {
  return new CambiumError("ARCHIVE_HEADER", `${where}: ${problem}`, {
    hint: "The archive is damaged or made to mislead; fetch or make it anew.",
  });
}

/**
 * Reads one ustar, GNU or v7 header block (POSIX.1-2024, pax, "ustar Interchange Format").
 * @throws CambiumError `ARCHIVE_CHECKSUM`, `ARCHIVE_HEADER`, `ARCHIVE_NAME`.
 */
export function parseTarBlock(block: Buffer, where: string, decode: DecodeName = utf8): TarBlock {
  assertChecksum(block, where);
  const magic = block.toString("latin1", 257, 265);
  const isUstar = magic.startsWith("ustar\0");
  // GNU's own magic marks a block that keeps times where ustar has the prefix.
  const isGnu = magic === "ustar  \0";
  const hasOwners = isUstar || isGnu;
  const name = textField(block, 0, 100, where, decode);
  const prefix = isUstar ? textField(block, 345, 155, where, decode) : "";
  return {
    typeflag: block[156] === 0 ? "0" : String.fromCharCode(block[156]!),
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkname: textField(block, 157, 100, where, decode),
    mode: numberField(block, 100, 8, "mode", where) & 0o7777,
    uid: idOf(numberField(block, 108, 8, "uid", where), "uid", where),
    gid: idOf(numberField(block, 116, 8, "gid", where), "gid", where),
    size: sizeOf(numberField(block, 124, 12, "size", where), where),
    mtimeSec: numberField(block, 136, 12, "mtime", where),
    uname: hasOwners ? textField(block, 265, 32, where, decode) : "",
    gname: hasOwners ? textField(block, 297, 32, where, decode) : "",
    major: hasOwners ? numberField(block, 329, 8, "devmajor", where) : 0,
    minor: hasOwners ? numberField(block, 337, 8, "devminor", where) : 0,
  };
}

/** Old writers summed signed bytes, so either sum is taken, as every tar does. */
function assertChecksum(block: Buffer, where: string): void {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK_SIZE; i++) {
    const isSum = i >= CHECKSUM_OFFSET && i < CHECKSUM_OFFSET + CHECKSUM_LENGTH;
    const byte = isSum ? SPACE : block[i]!;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const text = block.toString("latin1", CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_LENGTH);
  const want = /^[ \0]*([0-7]+)[ \0]*$/.exec(text)?.[1];
  if (want === undefined || ![unsigned, signed].includes(Number.parseInt(want, 8))) {
    throw new CambiumError(
      "ARCHIVE_CHECKSUM",
      `${where}: not a tar header: its checksum field has ${JSON.stringify(text)}, its bytes sum to ${unsigned.toString(8)}`,
      { hint: "The archive is damaged or not a tar; fetch or make it anew." },
    );
  }
}

/** Octal digits, or base-256 when the top bit is set (GNU, star). */
function numberField(block: Buffer, offset: number, length: number, name: string, where: string): number {
  const first = block[offset]!;
  if (first >= 0x80) return base256(block.subarray(offset, offset + length), name, where);
  const text = block.toString("latin1", offset, offset + length);
  const match = /^ *([0-7]*)(?:[ \0].*)?$/s.exec(text);
  if (match === null) throw headerError(where, `${name} is not a number: ${JSON.stringify(text)}`);
  return match[1] === "" ? 0 : Number.parseInt(match[1]!, 8);
}

function base256(field: Uint8Array, name: string, where: string): number {
  const isNegative = (field[0]! & 0x40) !== 0;
  let value = BigInt(field[0]! & 0x7f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  if (isNegative) value -= 1n << BigInt(field.length * 8 - 1);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw headerError(where, `${name} is out of range: ${value}`);
  return number;
}

/** uid and gid are 32 bits wide in Linux; all ones means "leave as it is" to chown. */
export function idOf(value: number, name: string, where: string): number {
  if (!Number.isInteger(value) || value < 0 || value >= 0xffffffff) {
    throw headerError(where, `${name} is out of range: ${value}`);
  }
  return value;
}

export function sizeOf(value: number, where: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw headerError(where, `size is out of range: ${value}`);
  return value;
}

function textField(block: Buffer, offset: number, length: number, where: string, decode: DecodeName): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decode(end === -1 ? field : field.subarray(0, end), where);
}

/** How a name's bytes become text; `where` is for its error. */
export type DecodeName = (bytes: Buffer, where: string) => string;

/**
 * Names are UTF-8 unless the reader is told otherwise: a replacement character would make two names one.
 * @throws CambiumError `ARCHIVE_NAME`.
 */
export function utf8(bytes: Buffer, where: string): string {
  const text = bytes.toString("utf8");
  if (text.includes("\ufffd") && !Buffer.from(text, "utf8").equals(bytes)) {
    throw new CambiumError(
      "ARCHIVE_NAME",
      `${where}: a name is not UTF-8: ${JSON.stringify(bytes.toString("latin1"))}`,
      {
        hint: "Rename the file before it is archived.",
      },
    );
  }
  return text;
}

/** One PAX record; the value stays bytes, since xattrs are bytes. */
export type PaxRecord = { readonly key: string; readonly value: Buffer };

/**
 * `length key=value\n`, where length counts the whole record (POSIX.1-2024, pax Extended Header).
 * @throws CambiumError `ARCHIVE_HEADER`, `ARCHIVE_NAME`.
 */
export function parsePaxRecords(body: Buffer, where: string): PaxRecord[] {
  const records: PaxRecord[] = [];
  let offset = 0;
  while (offset < body.length) {
    const space = body.indexOf(SPACE, offset);
    // Seven digits: the whole header is bounded to 1 MiB by the reader.
    const digits = space === -1 || space - offset > 7 ? "" : body.toString("latin1", offset, space);
    const end = offset + (/^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0);
    const equals = body.indexOf(0x3d, space);
    if (
      end <= space + 1 ||
      end > body.length ||
      body[end - 1] !== 0x0a ||
      equals === -1 ||
      equals >= end - 1
    ) {
      throw headerError(where, `PAX record at byte ${offset} is malformed`);
    }
    const key = utf8(body.subarray(space + 1, equals), where);
    if (key === "") throw headerError(where, `PAX record at byte ${offset} has no key`);
    records.push({ key, value: body.subarray(equals + 1, end - 1) });
    offset = end;
  }
  return records;
}
