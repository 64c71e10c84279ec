import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type ControlFile, dataTar, openDeb, readControlFiles, readData } from "./archive.ts";
import type { LockedDeb } from "./lock.ts";

/** A path of a data archive as it is written there, relative to the root: `bin/ls`, not yet under merged /usr. */
export type ShippedPath = { readonly path: string; readonly type: "directory" | "symlink" | "file" };

/** What dpkg notes of a package besides its files: the members of its control archive, and its paths in their order. */
export type ShippedDeb = {
  readonly control: readonly ControlFile[];
  readonly paths: readonly ShippedPath[];
};

/** Changes when `packShipped` writes something else. */
export const SHIPPED_VERSION = 1;

const LETTERS = { directory: "d", symlink: "l", file: "f" } as const;
const TYPES = { d: "directory", l: "symlink", f: "file" } as const;
/** The largest lists of Debian, of packages with 30,000 files, have some 3 MB. */
const MAX_BYTES = 128 << 20;

/** Reads a .deb again for what a transcoded one is not known for. @throws CambiumError as `openDeb`, `readTar`. */
export async function readShipped(archivePath: string, deb: LockedDeb): Promise<ShippedDeb> {
  const archive = openDeb(archivePath, `${deb.name} ${deb.version}`);
  const paths: ShippedPath[] = [];
  for await (const entry of readData(archive, await dataTar(archive))) paths.push(shippedPath(entry));
  return { control: await readControlFiles(archive), paths };
}

export function shippedPath({ path, type }: { readonly path: string; readonly type: string }): ShippedPath {
  return { path, type: type === "directory" || type === "symlink" ? type : "file" };
}

/** As text for a record: base64 of zstd of JSON; a tenth of what the files have. */
export function packShipped({ control, paths }: ShippedDeb): string {
  const document = {
    // Bytes as latin1: some old scripts are not UTF-8.
    control: control.map(({ name, mode, content }) => [name, mode, Buffer.from(content).toString("latin1")]),
    paths: paths.map(({ path, type }) => `${LETTERS[type]}${path}`),
  };
  return zstdCompressSync(Buffer.from(JSON.stringify(document))).toString("base64");
}

/** Undefined for a record that is damaged or something else. */
export function unpackShipped(packed: unknown): ShippedDeb | undefined {
  if (typeof packed !== "string") return undefined;
  try {
    const bytes = zstdDecompressSync(Buffer.from(packed, "base64"), { maxOutputLength: MAX_BYTES });
    const { control, paths } = JSON.parse(bytes.toString("utf8")) as {
      control: [string, number, string][];
      paths: string[];
    };
    return {
      control: control.map(([name, mode, text]) => ({ name, mode, content: Buffer.from(text, "latin1") })),
      paths: paths.map((line) => ({ path: line.slice(1), type: TYPES[line[0] as keyof typeof TYPES] })),
    };
  } catch {
    // Whatever is wrong with it, the package can be read again.
    return undefined;
  }
}
