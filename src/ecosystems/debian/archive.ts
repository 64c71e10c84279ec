import { readFileSync, statSync } from "node:fs";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { CambiumError, messageOf } from "../../errors.ts";
import { readTar, type TarEntry } from "../../layer/read-tar.ts";
import { xzDecompress } from "./xz.ts";

/** The control archive: its files by name (`control`, `md5sums`, `postinst`, …). */
export type ControlArchive = ReadonlyMap<string, string>;

/** A file of a control archive as it is there. */
export type ControlFile = { readonly name: string; readonly mode: number; readonly content: Uint8Array };

/** A binary package's two members, still compressed. `where` is its name in messages. */
export type DebArchive = {
  readonly where: string;
  readonly control: DebMember;
  readonly data: DebMember;
};
type DebMember = { readonly name: string; readonly bytes: Uint8Array };

/** The bytes are those that the lock pins, so fetching them again changes nothing. */
export const DEB_HINT =
  "No package of Debian is like this: look at what the lock pins, and make it anew (cambium lock).";

/** The largest of Debian's packages have some 1.5 GB; what an image needs is far below, and it passes through memory. */
const MAX_DEB_BYTES = 1 << 30;
const MAX_DATA_BYTES = 2 ** 31 - 4096;
const MAX_CONTROL_BYTES = 64 << 20;

const MAGIC = "!<arch>\n";
const HEADER = 60;

/**
 * Opens a .deb on disk: an ar archive of `debian-binary`, a control and a data archive. (deb(5))
 * @throws CambiumError `DEB_INVALID`, `ARCHIVE_TRUNCATED`, `ARCHIVE_LIMIT`; `where` names the package.
 */
export function openDeb(path: string, where: string): DebArchive {
  const { size } = statSync(path);
  if (size > MAX_DEB_BYTES) {
    throw new CambiumError("ARCHIVE_LIMIT", `${where}: ${size} bytes, beyond ${MAX_DEB_BYTES}`, {
      hint: DEB_HINT,
    });
  }
  return parseDeb(readFileSync(path), where);
}

/** As `openDeb`, for bytes in memory. */
export function parseDeb(bytes: Uint8Array, where: string): DebArchive {
  const members = arMembers(bytes, where);
  const [version, ...rest] = members;
  const text = Buffer.from(version?.bytes ?? []).toString("latin1");
  if (version?.name !== "debian-binary" || !/^2\.\d+\n/.test(text)) {
    throw invalid(where, "its first member is not debian-binary of format 2");
  }
  // deb(5): members whose name begins with an underscore may stand between and are ignored.
  const [control, data, ...more] = rest.filter((member) => !member.name.startsWith("_"));
  if (control === undefined || !control.name.startsWith("control.tar"))
    throw invalid(where, "no control archive");
  if (data === undefined || !data.name.startsWith("data.tar")) throw invalid(where, "no data archive");
  if (more.length > 0) throw invalid(where, `an unexpected member: ${JSON.stringify(more[0]?.name)}`);
  return { where, control, data };
}

/** The files of the control archive as text. @throws CambiumError as `readControlFiles`. */
export async function readControl(deb: DebArchive): Promise<ControlArchive> {
  return controlTexts(await readControlFiles(deb));
}

export function controlTexts(files: readonly ControlFile[]): ControlArchive {
  return new Map(files.map(({ name, content }) => [name, Buffer.from(content).toString("utf8")]));
}

/** Reads the control archive as a whole. @throws CambiumError as `readTar`; `DEB_INVALID` without a control file. */
export async function readControlFiles(deb: DebArchive): Promise<ControlFile[]> {
  const files = new Map<string, ControlFile>();
  const where = `${deb.where}: ${deb.control.name}`;
  const tar = await decompressed(deb.control, MAX_CONTROL_BYTES, where);
  for await (const entry of readTar(once(tar), where, { maxTotalBytes: MAX_CONTROL_BYTES })) {
    if (entry.type !== "file") continue;
    // A copy: the tar need not live as long as one of its files.
    const content = Buffer.from(await contentOf(entry));
    files.set(entry.path, { name: entry.path, mode: entry.mode, content });
  }
  if (!files.has("control")) throw invalid(deb.where, "its control archive has no control file");
  return [...files.values()];
}

/** The tar inside the data archive, whole. */
export async function dataTar(deb: DebArchive): Promise<Uint8Array> {
  return await decompressed(deb.data, MAX_DATA_BYTES, `${deb.where}: ${deb.data.name}`);
}

/** Members of `dataTar` in their order, through the one hardened tar reader. */
export function readData(deb: DebArchive, tar: Uint8Array): AsyncGenerator<TarEntry> {
  const where = `${deb.where}: ${deb.data.name}`;
  return readTar(once(tar), where, { maxTotalBytes: MAX_DATA_BYTES, refuseDuplicates: true });
}

/** All bytes of a file of a tar: a view where one chunk of the tar has them all, as in a tar that is in memory. */
export async function contentOf(entry: TarEntry): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.content()) chunks.push(chunk);
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, entry.size);
}

async function decompressed(member: DebMember, maxBytes: number, where: string): Promise<Uint8Array> {
  const suffix = /\.tar(\.[a-z0-9]+)?$/.exec(member.name)?.[1] ?? "";
  try {
    switch (suffix) {
      case "":
        return member.bytes;
      case ".xz":
        return await xzDecompress(member.bytes, maxBytes, where);
      case ".gz":
        return gunzipSync(member.bytes, { maxOutputLength: maxBytes });
      case ".zst":
        return zstdDecompressSync(member.bytes, { maxOutputLength: maxBytes });
      default:
        throw new CambiumError("ARCHIVE_UNSUPPORTED", `${where}: compression ${suffix} is not supported`, {
          hint: DEB_HINT,
        });
    }
  } catch (error) {
    if (error instanceof CambiumError) throw error;
    const isTooLarge = error instanceof RangeError;
    throw new CambiumError(
      isTooLarge ? "ARCHIVE_LIMIT" : "ARCHIVE_TRUNCATED",
      isTooLarge
        ? `${where}: more than ${maxBytes} bytes when decompressed`
        : `${where}: ${messageOf(error)}`,
      { cause: error, hint: DEB_HINT },
    );
  }
}

function arMembers(bytes: Uint8Array, where: string): DebMember[] {
  const latin1 = (start: number, end: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
  if (bytes.length < MAGIC.length || latin1(0, MAGIC.length) !== MAGIC)
    throw invalid(where, "not an ar archive");
  const members: DebMember[] = [];
  for (let at = MAGIC.length; at < bytes.length; ) {
    if (at + HEADER > bytes.length) throw truncated(where, "a member's header is cut");
    const header = latin1(at, at + HEADER);
    const size = header.slice(48, 58).trimEnd();
    if (!header.endsWith("`\n") || !/^\d{1,10}$/.test(size))
      throw invalid(where, `no ar header at byte ${at}`);
    const name = header.slice(0, 16).trimEnd().replace(/\/$/, "");
    const start = at + HEADER;
    const end = start + Number(size);
    if (end > bytes.length) {
      throw truncated(
        where,
        `${JSON.stringify(name)} should have ${size} bytes, ${bytes.length - start} are there`,
      );
    }
    if (members.length === 64) throw invalid(where, "more than 64 members");
    members.push({ name, bytes: bytes.subarray(start, end) });
    // Members begin at even offsets.
    at = end + (end % 2);
  }
  return members;
}

/** One chunk, so that contents are views of it and not copies. */
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function invalid(where: string, reason: string): CambiumError {
  return new CambiumError("DEB_INVALID", `${where}: not a Debian package: ${reason}`, { hint: DEB_HINT });
}

function truncated(where: string, reason: string): CambiumError {
  return new CambiumError("ARCHIVE_TRUNCATED", `${where}: ${reason}`, { hint: DEB_HINT });
}
