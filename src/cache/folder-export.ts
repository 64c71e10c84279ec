import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { usageError } from "../errors.ts";
import type { BlobSource } from "../image/image.ts";
import type { Blob } from "../image/manifest.ts";
import { isIndexType, isManifestType } from "../image/media-types.ts";
import { onceBytes, writeAtomically } from "../image/outputs/atomic-file.ts";
import { LAYOUT_MARK, layoutIndex, REF_NAME } from "../image/outputs/layout-documents.ts";
import { outputError } from "../image/outputs/output-error.ts";
import { blobPath, readSmallFile } from "../image/sources/layout-folder.ts";
import { verified } from "../image/verified.ts";
import { type Digest, isDigest } from "../layer/digest.ts";
import { waitForLock } from "../store/lock.ts";
import { type FolderRow, isWhole, noteMended, openFolder, readRows, tagOf } from "./folder.ts";
import { type Linked, linkedBy } from "./linked.ts";
import type { Remote } from "./remote.ts";

/** A folder while one build writes into it; others wait. */
export type FolderExport = {
  readonly remote: Remote;
  /**
   * Makes `index.json` say what was put, in place of what the same owner left before, and removes what no row needs.
   * Rows of an owner that stay although they were not put again: those that `keeps` says.
   */
  commit(keeps: (tag: string) => boolean): Promise<void>;
  /** What was put and not committed is removed by the next commit. */
  release(): void;
};

/** Which build put a row: the tag of its image. */
const OWNER = "dev.cambium.cache.owner";
/** Builds whose caches a folder holds at most, the latest ones: an artifact that every job adds to must end somewhere. */
const MAX_OWNERS = 8;
const LOCK = ".lock";
/** What a layout has, what we add to it, and what a killed writer leaves. */
const OWN_NAMES =
  /^(?:oci-layout|index\.json|blobs|\.lock(?:-journal)?|\.(?:oci-layout|index\.json)\..*\.tmp)$/;

/**
 * Begins to write the caches of one build, `owner`, into an image layout folder, which is made if need be.
 * @throws CambiumError `OUTPUT_EXISTS` for a folder of something else, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function openFolderExport(
  path: string,
  owner: string,
  signal: AbortSignal,
): Promise<FolderExport> {
  try {
    await mkdir(path, { recursive: true });
    const foreign = (await readdir(path)).find((name) => !OWN_NAMES.test(name));
    if (foreign !== undefined) throw foreignFolder(path, foreign);
    await mkdir(join(path, "blobs/sha256"), { recursive: true });
  } catch (error) {
    throw outputError(error, path);
  }
  const lock = await waitForLock(join(path, LOCK), { signal });
  const put = new Map<string, FolderRow>();
  const reader = openFolder(path);
  return {
    remote: {
      ...reader,
      // What cannot be read is as good as not there: it is about to be replaced.
      manifest: (reference) => reader.manifest(reference).catch(() => undefined),
      manifestDigest: async (reference) =>
        put.get(reference)?.digest ?? (await reader.manifestDigest(reference).catch(() => undefined)),
      uploadBlob: async (blob) => ((await writeBlob(path, blob)) ? "sent" : "present"),
      putManifest: async (manifest, tag) => {
        const { descriptor, bytes } = manifest;
        await writeBlob(path, { descriptor, bytes: () => onceBytes(bytes) });
        if (!isDigest(tag)) put.set(tag, rowOf(manifest, tag, owner));
      },
    },
    commit: async (keeps) => {
      await commit(path, owner, put, keeps);
    },
    release: () => lock.release(),
  };
}

/**
 * Removes from a folder what the builds that wrote last do not need.
 * @returns how many rows of each kind went, and how many stay.
 * @throws CambiumError as `openFolderExport`, `CACHE_DAMAGED`.
 */
export async function pruneFolder(
  path: string,
  keepLast: number,
  isDryRun: boolean,
  signal: AbortSignal,
): Promise<{ readonly removed: Readonly<Record<string, number>>; readonly keptTags: number }> {
  const lock = await waitForLock(join(path, LOCK), { signal });
  try {
    const before = await readRows(path);
    const rows = keptRows(before, keepLast);
    const count = before.length - rows.length;
    if (!isDryRun && count > 0) {
      await writeIfNew(join(path, "index.json"), layoutIndex(rows));
      await removeUnneeded(path, await neededBlobs(path, rows));
    }
    return { removed: count === 0 ? {} : { tags: count }, keptTags: rows.length };
  } finally {
    lock.release();
  }
}

async function commit(
  path: string,
  owner: string,
  put: ReadonlyMap<string, FolderRow>,
  keeps: (tag: string) => boolean,
): Promise<void> {
  // What cannot be read is of no use to anybody: it is written anew.
  const before = await readRows(path).catch(() => []);
  const rows = mergedRows(before, owner, put, keeps);
  await writeIfNew(join(path, "oci-layout"), LAYOUT_MARK);
  await writeIfNew(join(path, "index.json"), layoutIndex(rows));
  await removeUnneeded(path, await neededBlobs(path, rows));
}

/** Ours first, since order says what is newest; then what others left, up to `MAX_OWNERS`. Pure. */
export function mergedRows(
  before: readonly FolderRow[],
  owner: string,
  put: ReadonlyMap<string, FolderRow>,
  keeps: (tag: string) => boolean,
): FolderRow[] {
  const others = before.filter((row) => {
    const tag = tagOf(row);
    if (tag !== undefined && put.has(tag)) return false;
    return row.annotations?.[OWNER] !== owner || (tag !== undefined && keeps(tag));
  });
  return keptRows([...put.values(), ...others], MAX_OWNERS);
}

/** Those of the builds that wrote last, and those of nobody's. */
function keptRows(rows: readonly FolderRow[], maxOwners: number): FolderRow[] {
  const owners = [...new Set(rows.flatMap((row) => row.annotations?.[OWNER] ?? []))];
  const kept = new Set(owners.slice(0, maxOwners));
  return rows.filter(({ annotations }) => {
    const its = annotations?.[OWNER];
    return its === undefined || kept.has(its);
  });
}

function rowOf({ descriptor }: Blob, tag: string, owner: string): FolderRow {
  const { mediaType, digest, size } = descriptor;
  return { mediaType, digest, size, annotations: { [REF_NAME]: tag, [OWNER]: owner } };
}

/** All that rows lead to, as far as it is there. */
async function neededBlobs(path: string, rows: readonly FolderRow[]): Promise<Set<Digest>> {
  const needed = new Set<Digest>();
  const queue: Linked[] = [...rows];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (needed.has(next.digest)) continue;
    needed.add(next.digest);
    if (!isManifestType(next.mediaType ?? "") && !isIndexType(next.mediaType ?? "")) continue;
    const bytes = await readSmallFile(blobPath(path, next.digest)).catch(() => undefined);
    queue.push(...(bytes === undefined ? [] : linkedBy(bytes)));
  }
  return needed;
}

async function removeUnneeded(path: string, needed: ReadonlySet<Digest>): Promise<void> {
  const folder = join(path, "blobs/sha256");
  try {
    for (const name of await readdir(folder)) {
      const digest = `sha256:${name}`;
      // Nobody else writes here while the lock is held, so a temporary name is a killed writer's.
      if (isDigest(digest) && needed.has(digest)) continue;
      await rm(join(folder, name), { force: true, recursive: true });
    }
  } catch (error) {
    throw outputError(error, folder);
  }
}

async function writeBlob(path: string, { descriptor, bytes }: BlobSource): Promise<boolean> {
  const { digest } = descriptor;
  if (await isWhole(path, descriptor)) return false;
  await writeAtomically(blobPath(path, digest), verified(bytes(), descriptor, digest));
  noteMended(path, digest);
  return true;
}

/** An unchanged file keeps its times: a folder that says the same is the same artifact. */
async function writeIfNew(path: string, text: string): Promise<void> {
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before !== text) await writeAtomically(path, onceBytes(text));
}

function foreignFolder(path: string, name: string): Error {
  return usageError(
    "OUTPUT_EXISTS",
    `the cache folder ${path} holds ${JSON.stringify(name)}, which is not of an image layout`,
    "Choose another folder, or an empty one.",
  );
}
