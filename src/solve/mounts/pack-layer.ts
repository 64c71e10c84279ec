import { rmSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Engine } from "../../engine/embedded/engine.ts";
import type { FolderTar } from "../../engine/embedded/read-folder.ts";
import { CambiumError } from "../../errors.ts";
import { isBomb } from "../../image/expansion.ts";
import { Hasher } from "../../layer/digest.ts";
import { headerEntry, timeOf } from "../../layer/header-entry.ts";
import { ZSTD_LAYER_MEDIA_TYPE } from "../../layer/layer.ts";
import { readTar, type TarEntry } from "../../layer/read-tar.ts";
import type { HeaderEntry } from "../../layer/tar-header.ts";
import { WHITEOUT_PREFIX } from "../../layer/whiteout.ts";
import { type TarMember, writeTar } from "../../layer/write-tar.ts";
import { zstdCompressed } from "../../layer/zstd.ts";
import { type FoundPath, paxTime } from "../../store/found-paths.ts";
import { storeError } from "../../store/io-error.ts";
import type { ChainLayer } from "../../store/mount-state.ts";
import type { Workbench } from "../workbench.ts";
import type { MountChanges } from "./mount-changes.ts";

type Bench = Pick<Workbench, "store" | "lease" | "signal">;

/** Attributes that speak to overlayfs may stand in no layer. */
const OVERLAY_ATTRIBUTE = /^(?:trusted|user)\.overlay\./;

/**
 * Packs what changed in a folder as a layer, into the store's blobs; nobody may write there meanwhile, and each path is
 * held to what was found of it. Memory: one chunk and the list.
 * @throws CambiumError `MOUNT_CHANGED`, `MOUNT_UNREADABLE`, `MOUNT_SPARSE`, `DISK_FULL`, `STORE_…`.
 */
export async function packLayer(
  folder: string,
  { stated, gone }: Pick<MountChanges, "stated" | "gone">,
  where: string,
  engine: Engine,
  { store, lease, signal }: Bench,
): Promise<ChainLayer> {
  const source = await tarOf(folder, stated, where, engine, signal);
  const temporary = store.blobs.temporary();
  const diff = new Hasher();
  let tarBytes = 0;
  const entries = readTar(source.bytes, where, { hasRawNames: true });
  const tar = async function* () {
    for await (const bytes of writeTar(members(stated, gone, entries, where))) {
      signal.throwIfAborted();
      diff.update(bytes);
      tarBytes += bytes.length;
      yield bytes;
    }
    await source.end();
  };
  try {
    const { digest, size } = await compressTo(temporary, tar());
    if (isBomb(size, tarBytes)) throw hollow(where, tarBytes);
    lease.protect([digest]);
    store.blobs.adopt(temporary, digest);
    const descriptor = { mediaType: ZSTD_LAYER_MEDIA_TYPE, digest, size };
    return { descriptor, diffId: diff.diffId(), tarBytes };
  } catch (error) {
    rmSync(temporary, { force: true });
    await source.end().catch((problem: unknown) => {
      // What tar says comes before what we made of its half output.
      if (error instanceof CambiumError && error.code === "ARCHIVE_TRUNCATED") throw problem;
    });
    throw error;
  }
}

/** GNU tar does not make one of nothing. */
async function tarOf(
  folder: string,
  stated: readonly FoundPath[],
  where: string,
  engine: Engine,
  signal: AbortSignal,
): Promise<Pick<FolderTar, "bytes" | "end">> {
  if (stated.length === 0) return { bytes: noMembers(), end: async () => undefined };
  return engine.readFolder(folder, {
    paths: stated.map(({ path }) => path),
    signal,
    failure: (code, detail) => unreadableMount(where, code, detail),
  });
}

async function* noMembers(): AsyncGenerator<Uint8Array> {
  yield* writeTar([]);
}

async function compressTo(path: string, tar: AsyncIterable<Uint8Array>) {
  const hasher = new Hasher();
  let size = 0;
  const file = await open(path, "wx").catch((error: unknown) => {
    throw storeError(error, path);
  });
  try {
    for await (const chunk of zstdCompressed(tar)) {
      hasher.update(chunk);
      size += chunk.length;
      for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
    }
    await file.datasync();
  } catch (error) {
    throw storeError(error, path);
  } finally {
    await file.close();
  }
  return { digest: hasher.digest(), size };
}

async function* members(
  stated: readonly FoundPath[],
  gone: readonly string[],
  entries: AsyncIterable<TarEntry>,
  where: string,
): AsyncGenerator<TarMember> {
  let next = 0;
  for await (const entry of entries) {
    const found = stated[next++];
    if (found === undefined || !isAsFound(entry, found)) throw changed(where, entry.path);
    const content = entry.type === "file" ? { content: entry.content() } : {};
    yield { entry: statedEntry(entry), ...timeOf(entry), ...content };
  }
  if (next !== stated.length) throw changed(where, stated[next]?.path ?? "");
  for (const path of gone) {
    const slash = path.lastIndexOf("/") + 1;
    const marker = `${path.slice(0, slash)}${WHITEOUT_PREFIX}${path.slice(slash)}`;
    yield { entry: { type: "file", path: marker, mode: 0, uid: 0, gid: 0, size: 0 }, mtimeSec: 0 };
  }
}

/** A file that grew or shrank while tar read it has another size or time than when it was listed. */
function isAsFound({ path, type, mtimeSec, mtimeText, size }: TarEntry, found: FoundPath): boolean {
  const [seconds, fraction = ""] = (mtimeText ?? String(mtimeSec)).split(".");
  const time = `${seconds}.${fraction.padEnd(9, "0")}`;
  if (path !== found.path || time !== paxTime(found.mtime)) return false;
  return type === "file" ? found.type === "f" && size === found.size : true;
}

function statedEntry(entry: TarEntry): HeaderEntry {
  const { xattrs, ...rest } = headerEntry(entry);
  const kept = Object.entries(xattrs ?? {}).filter(([name]) => !OVERLAY_ATTRIBUTE.test(name));
  return kept.length === 0 ? rest : { ...rest, xattrs: Object.fromEntries(kept) };
}

/** Nobody would unpack it. */
function hollow(where: string, tarBytes: number): CambiumError {
  return new CambiumError("MOUNT_SPARSE", `${where}: ${tarBytes} bytes are nearly all zeros`, {
    hint: "A layer cannot hold the holes of sparse files; remove them, or leave the mount out.",
  });
}

function changed(where: string, path: string): CambiumError {
  return new CambiumError("MOUNT_CHANGED", `${where}: ${JSON.stringify(path)} changed while it was read`, {
    hint: "Something outside of steps writes there; run it again when that has ended.",
  });
}

/** What it means that tar ended so. */
export function unreadableMount(where: string, code: number, detail: string): CambiumError {
  return new CambiumError("MOUNT_UNREADABLE", `${where}: tar could not read it (${code}): ${detail}`, {
    hint: "Check the disk; something else may have changed the folder meanwhile.",
  });
}
