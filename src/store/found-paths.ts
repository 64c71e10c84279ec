import { bytesFromText, textFromBytes } from "../layer/raw-text.ts";

/** `f` file, `d` directory, `l` symbolic link, `p` fifo, `s` socket, `c` and `b` devices. */
export type FoundType = "f" | "d" | "l" | "p" | "s" | "c" | "b";

/** One path of a folder as its file system has it: all that tells whether it is what it was. */
export type FoundPath = {
  /** As in `Entry`; `""` is the folder itself. */
  readonly path: string;
  readonly type: FoundType;
  /** Bytes. */
  readonly size: number;
  /**
   * Seconds since the epoch, and behind a point the nanoseconds since then in nine digits, as text: a double does not keep
   * them. Before the epoch that is no decimal number: half a second before it is `-1.500000000`, as find writes it.
   */
  readonly mtime: string;
  /** The same of the last change of content or metadata, which nobody can set back. */
  readonly ctime: string;
  readonly inode: string;
  /** The lower twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** How many names the file has. */
  readonly links: number;
  /** Of a symbolic link. */
  readonly target: string;
};

const FIELDS = ["%P", "%y", "%s", "%T@", "%C@", "%i", "%m", "%U", "%G", "%n", "%l"];
/** For find(1) of GNU: names may hold any byte but NUL. */
export const FOUND_FORMAT = `${FIELDS.join("\\0")}\\0`;
const TYPES = /^[fdlpscb]$/;
const TIME = /^(-?\d{1,20})(?:\.(\d+))?$/;

/** What `find -printf FOUND_FORMAT` wrote; undefined for anything else, such as half of it. Pure. */
export function parseFoundPaths(bytes: Buffer): FoundPath[] | undefined {
  const found: FoundPath[] = [];
  let at = 0;
  const next = (): Buffer | undefined => {
    const end = bytes.indexOf(0, at);
    if (end === -1) return undefined;
    const field = bytes.subarray(at, end);
    at = end + 1;
    return field;
  };
  while (at < bytes.length) {
    const fields = FIELDS.map(next);
    if (fields.some((field) => field === undefined)) return undefined;
    const [path, ...rest] = fields as [Buffer, ...Buffer[]];
    const [type, size, mtime, ctime, inode, mode, uid, gid, links] = rest.map((field) =>
      field.toString("latin1"),
    );
    const one: FoundPath = {
      path: textFromBytes(path),
      type: type as FoundType,
      size: Number(size),
      mtime: exactTime(mtime!),
      ctime: exactTime(ctime!),
      inode: inode!,
      mode: Number.parseInt(mode!, 8) & 0o7777,
      uid: Number(uid),
      gid: Number(gid),
      links: Number(links),
      target: textFromBytes(rest.at(-1)!),
    };
    const numbers = [one.size, one.mode, one.uid, one.gid, one.links];
    const isRight = TYPES.test(type!) && one.mtime !== "" && one.ctime !== "" && /^\d+$/.test(inode!);
    if (!isRight || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) return undefined;
    found.push(one);
  }
  return found;
}

/** The inverse of `parseFoundPaths`, for keeping. */
export function formatFoundPaths(paths: readonly FoundPath[]): Buffer {
  const parts = paths.flatMap(({ path, target, ...rest }) => {
    const { type, size, mtime, ctime, inode, mode, uid, gid, links } = rest;
    const middle = [type, size, mtime, ctime, inode, mode.toString(8), uid, gid, links].join("\0");
    return [bytesFromText(path), Buffer.from(`\0${middle}\0`, "latin1"), bytesFromText(target), NUL];
  });
  return Buffer.concat(parts);
}

const NUL = Buffer.of(0);

/** A time as find writes it, with nine digits behind the point; empty for what is none. */
function exactTime(text: string): string {
  const match = TIME.exec(text);
  return match === null ? "" : `${match[1]}.${(match[2] ?? "").padEnd(9, "0").slice(0, 9)}`;
}

/** The decimal number that a PAX header has, of a time as in `FoundPath`. Pure. */
export function paxTime(time: string): string {
  const [seconds = "", nanoseconds = ""] = time.split(".");
  const isBefore = seconds.startsWith("-") && Number(nanoseconds) > 0;
  if (!isBefore) return time;
  return `-${-Number(seconds) - 1}.${String(1e9 - Number(nanoseconds)).padStart(9, "0")}`;
}
