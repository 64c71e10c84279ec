import { CambiumError } from "../../errors.ts";
import { freeBytes } from "../../layer/chunks.ts";
import type { Digest } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { type SourceEntry, type SourceFile, segmentFromFiles } from "../../layer/files.ts";
import type { TarEntry } from "../../layer/read-tar.ts";
import type { BlobWriter, Recipe, Segment } from "../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import {
  contentOf,
  controlTexts,
  DEB_HINT,
  dataTar,
  openDeb,
  readControlFiles,
  readData,
} from "./archive.ts";
import { fieldOf, parseStanzas } from "./control.ts";
import type { LockedDeb } from "./lock.ts";
import { isKeptPath, type KeptPart, mergedPath } from "./paths.ts";
import { type ShippedDeb, type ShippedPath, shippedPath } from "./shipped.ts";
import { statusEntries } from "./status.ts";

/**
 * What a package's segment is computed from:
 * `{"ecosystem":"debian","layoutVersion":1,"options":{"keep":"doc,man"},"source":"sha256:…"}`.
 */
export function debRecipe(deb: LockedDeb, keep: readonly KeptPart[]): Recipe {
  return {
    ecosystem: "debian",
    layoutVersion: LAYOUT_VERSIONS.deb,
    source: deb.sha256,
    options: { keep: [...new Set(keep)].sort().join(",") },
  };
}

/**
 * A .deb becomes a segment without dpkg: its data archive under merged /usr, modes and owners as packed, times
 * constant, `status.d` for scanners. No maintainer script runs. The whole package passes through memory.
 * @param input.archivePath where the verified .deb is; `input.archive` is its digest
 * @returns with the segment what dpkg's database would need, which would take as long to read once more
 * @throws CambiumError `DEB_INVALID`, `DEB_MEMBER`, `XZ_INVALID`, `ARCHIVE_*` of the tar reader, `DIGEST_INVALID`
 */
export async function transcodeDeb(
  input: {
    readonly archive: Digest;
    readonly archivePath: string;
    readonly deb: LockedDeb;
    readonly keep: readonly KeptPart[];
  },
  blobs: BlobWriter,
): Promise<{ readonly segment: Segment; readonly shipped: ShippedDeb }> {
  const { deb } = input;
  const where = `${deb.name} ${deb.version}`;
  if (input.archive !== deb.sha256) {
    throw new CambiumError("DIGEST_INVALID", `${where}: want ${deb.sha256}, got ${input.archive}`);
  }
  const archive = openDeb(input.archivePath, where);
  const controlFiles = await readControlFiles(archive);
  const control = controlTexts(controlFiles);
  assertIdentity(control.get("control") ?? "", deb, where);
  const collected = new Map<string, SourceEntry>();
  const tar = await dataTar(archive);
  const paths: ShippedPath[] = [];
  for await (const entry of readData(archive, tar)) {
    paths.push(shippedPath(entry));
    await collect(entry, collected, where);
  }

  const keep = new Set(input.keep);
  const kept = linkedInOrder(collected, (path, isDirectory) => isKeptPath(path, isDirectory, keep), where);
  const entries = [
    ...kept,
    ...statusEntries(deb.name, control.get("control") ?? "", control.get("md5sums"), (path) => {
      const entry = collected.get(path);
      return entry !== undefined && isKeptPath(path, false, keep);
    }),
  ];
  const segment = segmentFromFiles(
    { recipe: debRecipe(deb, input.keep), name: where, key: deb.name, mtimeSec: CONSTANT_MTIME, entries },
    blobs,
  );
  freeBytes(tar);
  return { segment, shipped: { control: controlFiles, paths } };
}

/** The lock's digest says which bytes, the control file what they are: both must mean one package. */
function assertIdentity(control: string, deb: LockedDeb, where: string): void {
  const [stanza] = parseStanzas(control, where);
  const said = ["Package", "Version", "Architecture"].map((name) => (stanza && fieldOf(stanza, name)) ?? "");
  const wanted = [deb.name, deb.version, deb.architecture];
  if (said.every((value, index) => value === wanted[index])) return;
  throw new CambiumError(
    "DEB_IDENTITY",
    `${where}: its control file is of ${said.join(" ")}, not ${wanted.join(" ")}`,
    {
      hint: DEB_HINT,
    },
  );
}

async function collect(entry: TarEntry, collected: Map<string, SourceEntry>, where: string): Promise<void> {
  const path = mergedPath(entry.path, entry.type === "symlink");
  const base = {
    path,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    ...(entry.xattrs === undefined ? {} : { xattrs: entry.xattrs }),
  };
  const earlier = collected.get(path);
  switch (entry.type) {
    case "directory":
      // `lib/x` and `usr/lib/x` of one package are the same place: the first to come is as good as the second.
      if (earlier?.type === "directory") return;
      break;
    case "symlink":
      // A compatibility link such as `usr/bin/touch → /bin/touch` would replace what it points to.
      if (pointsToItself(path, entry.target ?? "")) return;
      break;
    case "file":
    case "hardlink":
      break;
    default:
      throw new CambiumError(
        "DEB_MEMBER",
        `${where}: a ${entry.type} device or pipe cannot be in a layer: ${entry.path}`,
        { hint: DEB_HINT },
      );
  }
  if (earlier !== undefined) {
    throw new CambiumError(
      "DEB_MEMBER",
      `${where}: two members are the same path under merged /usr: ${path}`,
      { hint: DEB_HINT },
    );
  }
  switch (entry.type) {
    case "directory":
      collected.set(path, { ...base, type: "directory" });
      return;
    case "symlink":
      collected.set(path, { ...base, mode: 0o777, type: "symlink", target: entry.target ?? "" });
      return;
    case "hardlink":
      collected.set(path, { ...base, type: "hardlink", target: mergedPath(entry.target ?? "", false) });
      return;
    case "file":
      collected.set(path, { ...base, type: "file", content: await contentOf(entry) });
  }
}

/** Whether a symlink at `path` leads, under merged /usr, to itself. */
function pointsToItself(path: string, target: string): boolean {
  const absolute = target.startsWith("/") ? target : `/${path.slice(0, path.lastIndexOf("/") + 1)}${target}`;
  const parts: string[] = [];
  for (const part of absolute.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return mergedPath(parts.join("/"), false) === path;
}

/**
 * The kept entries, each hard link's target being the kept path of its file that sorts first: a listing is read in
 * path order, and the file may itself be left out.
 */
function linkedInOrder(
  collected: ReadonlyMap<string, SourceEntry>,
  isKept: (path: string, isDirectory: boolean) => boolean,
  where: string,
): SourceEntry[] {
  const kept: SourceEntry[] = [];
  const linked = new Map<SourceFile, string[]>();
  for (const [path, entry] of collected) {
    const file = entry.type === "hardlink" ? linkedFile(collected, entry.target, where) : entry;
    if (!isKept(path, entry.type === "directory")) continue;
    if (file.type !== "file") kept.push(entry);
    else linked.set(file, [...(linked.get(file) ?? []), path]);
  }
  for (const [file, paths] of linked) {
    const [first, ...others] = paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    if (first === undefined) continue;
    kept.push({ ...file, path: first });
    const { content: _content, ...rest } = file;
    for (const path of others) kept.push({ ...rest, type: "hardlink", path, target: first });
  }
  return kept;
}

function linkedFile(collected: ReadonlyMap<string, SourceEntry>, target: string, where: string): SourceFile {
  const file = collected.get(target);
  if (file?.type === "file") return file;
  throw new CambiumError("DEB_MEMBER", `${where}: a hard link to what is no file of the package: ${target}`, {
    hint: DEB_HINT,
  });
}
