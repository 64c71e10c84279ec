import { CambiumError } from "../errors.ts";
import type { FileEntry } from "./entry.ts";
import type { ListedEntry } from "./listing.ts";
import { bytesFromText } from "./raw-text.ts";

const BLOCK = 512;
/** Largest values of the octal fields: 7 digits for ids, 11 for sizes (POSIX ustar). */
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;
const TYPE_FLAGS = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;
const NO_DEVICE = { major: 0, minor: 0 };
const encoder = new TextEncoder();

/** What a header states of an entry: of a file its size, not its digest. */
export type HeaderEntry =
  | Exclude<ListedEntry, FileEntry>
  | (Omit<FileEntry, "digest"> & Partial<Pick<FileEntry, "digest">>);

/**
 * Header block(s) of one tar entry, a multiple of 512 bytes: ustar, before it a PAX extended header only where ustar
 * cannot hold a value (POSIX pax, "ustar Interchange Format"). User and group names stay empty, since they are facts of
 * a host. The caller writes the content and pads it to 512. `mtimeText` is the exact time where it has a fraction.
 */
export function tarHeader(entry: HeaderEntry, mtimeSec: number, mtimeText?: string): Uint8Array {
  const size = entry.type === "file" ? entry.size : 0;
  const target = entry.type === "symlink" || entry.type === "hardlink" ? entry.target : "";
  const path = entry.type === "directory" ? `${entry.path}/` : entry.path;
  const records: [string, string | Uint8Array][] = [];
  const name = splitName(path);
  if (name === undefined) records.push(["path", path]);
  if (target !== "" && !fits(target, 100)) records.push(["linkpath", target]);
  if (size > MAX_SIZE) records.push(["size", String(size)]);
  if (mtimeText !== undefined) records.push(["mtime", mtimeText]);
  if (entry.uid > MAX_ID) records.push(["uid", String(entry.uid)]);
  if (entry.gid > MAX_ID) records.push(["gid", String(entry.gid)]);
  for (const attribute of Object.keys(entry.xattrs ?? {}).sort()) {
    records.push([`SCHILY.xattr.${attribute}`, Buffer.from(entry.xattrs?.[attribute] ?? "", "latin1")]);
  }

  const fields = {
    mode: entry.mode,
    uid: Math.min(entry.uid, MAX_ID),
    gid: Math.min(entry.gid, MAX_ID),
    size: size > MAX_SIZE ? 0 : size,
    mtimeSec,
    flag: TYPE_FLAGS[entry.type],
    target: fits(target, 100) ? target : "",
    device: "device" in entry ? entry.device : NO_DEVICE,
  };
  const header = ustar(name ?? { name: shortName(path), prefix: "" }, fields);
  if (records.length === 0) return header;

  const extended = paxRecords(records);
  const padded = Math.ceil(extended.length / BLOCK) * BLOCK;
  const out = new Uint8Array(BLOCK + padded + BLOCK);
  const paxFields = {
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: extended.length,
    mtimeSec,
    flag: "x",
    target: "",
    device: NO_DEVICE,
  };
  out.set(ustar({ name: `PaxHeaders/${shortName(path)}`.slice(0, 100), prefix: "" }, paxFields), 0);
  out.set(extended, BLOCK);
  out.set(header, BLOCK + padded);
  return out;
}

/** Bytes that fill content of `size` bytes up to the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

type Name = { readonly name: string; readonly prefix: string };
type Fields = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSec: number;
  readonly flag: string;
  readonly target: string;
  readonly device: { readonly major: number; readonly minor: number };
};

function ustar(name: Name, fields: Fields): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name.name, 0, 100, "latin1");
  octal(block, fields.mode, 100, 8);
  octal(block, fields.uid, 108, 8);
  octal(block, fields.gid, 116, 8);
  octal(block, fields.size, 124, 12);
  octal(block, fields.mtimeSec, 136, 12);
  block.fill(0x20, 148, 156);
  block.write(fields.flag, 156, "latin1");
  block.write(fields.target, 157, 100, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(block, fields.device.major, 329, 8);
  octal(block, fields.device.minor, 337, 8);
  block.write(name.prefix, 345, 155, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  // Six digits, NUL, space: the one field whose form differs (POSIX: "chksum").
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(block: Buffer, value: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new CambiumError("TAR_FIELD", `tar header: not a whole number: ${value}`);
  }
  block.write(value.toString(8).padStart(length - 1, "0"), offset, length - 1, "latin1");
}

/** ustar holds ASCII: up to 100 bytes, or 155 and 100 around a slash. Undefined: it needs PAX. */
function splitName(path: string): Name | undefined {
  if (fits(path, 100)) return { name: path, prefix: "" };
  if (!fits(path, 256)) return undefined;
  // The first slash that leaves at most 100 bytes for the name; a name may not be empty (directories end in a slash).
  const at = path.indexOf("/", path.length - 101);
  if (at < 1 || at > 155 || at === path.length - 1) return undefined;
  return { name: path.slice(at + 1), prefix: path.slice(0, at) };
}

function fits(text: string, length: number): boolean {
  if (text.length > length) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit > 0x7e) return false;
  }
  return true;
}

/** What readers without PAX would see: the end of the path, in ASCII. */
function shortName(path: string): string {
  return path.replace(/[^\x20-\x7e]/g, "_").slice(-80);
}

/** `<length> <key>=<value>\n`, where the length counts its own digits (POSIX pax, "pax Extended Header"). */
function paxRecords(records: readonly [string, string | Uint8Array][]): Uint8Array {
  const parts = records.map(([key, value]) => {
    const bytes = typeof value === "string" ? bytesFromText(value) : value;
    const rest = encoder.encode(key).length + bytes.length + 3;
    let length = rest + String(rest).length;
    if (length !== rest + String(length).length) length = rest + String(length).length;
    return Buffer.concat([encoder.encode(`${length} ${key}=`), bytes, encoder.encode("\n")]);
  });
  return Buffer.concat(parts);
}
