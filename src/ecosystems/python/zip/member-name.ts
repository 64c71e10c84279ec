import { CambiumError } from "../../../errors.ts";

/** Code page 437, bytes 128 to 255: what a zip name without the UTF-8 flag is written in (APPNOTE, appendix D). */
const CP437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a member's name: UTF-8 if flagged so (bit 11), else code page 437, as Python's zipfile reads it.
 * @throws CambiumError `ARCHIVE_NAME` for bytes that are no UTF-8.
 */
export function decodeMemberName(bytes: Uint8Array, isUtf8: boolean, where: string): string {
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  if (!/[\x80-\xff]/.test(latin1)) return latin1;
  if (!isUtf8) return latin1.replace(/[\x80-\xff]/g, (byte) => CP437[byte.charCodeAt(0) - 128]!);
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw refused("ARCHIVE_NAME", where, latin1, "is not UTF-8", cause);
  }
}

/**
 * The path that a member's name means, without empty and `.` parts (as pip normalises it); for a directory without the
 * final slash. Relative by construction.
 * @throws CambiumError `ARCHIVE_TRAVERSAL` for what would leave the directory on any system, `ARCHIVE_NAME` for what no
 * file can be called.
 */
export function memberPath(name: string, where: string): string {
  if (name.startsWith("/")) throw refused("ARCHIVE_TRAVERSAL", where, name, "is absolute");
  if (name.includes("\\")) throw refused("ARCHIVE_TRAVERSAL", where, name, "has a backslash");
  if (/^[A-Za-z]:/.test(name)) throw refused("ARCHIVE_TRAVERSAL", where, name, "has a drive letter");
  if (hasControlCharacter(name)) throw refused("ARCHIVE_NAME", where, name, "has a control character");
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") throw refused("ARCHIVE_TRAVERSAL", where, name, "has a '..' part");
    // Linux: NAME_MAX is 255 bytes, PATH_MAX 4096 with the final NUL.
    if (part.length > 63 && Buffer.byteLength(part) > 255) {
      throw refused("ARCHIVE_NAME", where, name, "has a part of more than 255 bytes");
    }
    if (part !== "" && part !== ".") parts.push(part);
  }
  if (parts.length === 0) throw refused("ARCHIVE_NAME", where, name, "names nothing");
  if (name.length > 1000 && Buffer.byteLength(name) > 4000) {
    throw refused("ARCHIVE_NAME", where, name, "is longer than 4000 bytes");
  }
  return parts.join("/");
}

function hasControlCharacter(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  return false;
}

function refused(code: string, where: string, name: string, why: string, cause?: unknown): CambiumError {
  return new CambiumError(code, `${where}: member name ${JSON.stringify(name)} ${why}`, {
    hint: "Such names reach outside the installation or cannot be files; have the archive rebuilt by its project.",
    cause,
  });
}
