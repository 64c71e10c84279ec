import { canonicalJson } from "../../canonical-json.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import { layerEntries } from "../../image/layer-entries.ts";
import { type Digest, Hasher } from "../../layer/digest.ts";
import { readTar, type TarEntry } from "../../layer/read-tar.ts";
import type { FoundPath } from "../../store/found-paths.ts";
import type { MountState } from "../../store/mount-state.ts";
import { storedLayer } from "../../store/stored-layer.ts";
import type { Workbench } from "../workbench.ts";
import { unreadableMount } from "./pack-layer.ts";

/** Smaller ones are stated for their time alone, as stamps of make are. */
const MIN_FILE_BYTES = 4096;
/** Less is packed sooner than it is looked through. */
const MIN_BYTES = 1 << 20;
const DAY_SEC = 86_400;

/**
 * Files that may have been touched only: the same inode, size, mode and owner, a later time. Tools that drop what was not
 * used for long (ccache, go) touch all that they use, and a layer cannot state a time without the content. A file that is
 * a day younger than in the layers is none: it would look unused where it is restored. Pure.
 */
export function touchedFiles(before: readonly FoundPath[], now: readonly FoundPath[]): FoundPath[] {
  const known = new Map(before.map((one) => [one.path, one]));
  return now.filter((one) => {
    const old = known.get(one.path);
    if (old === undefined || one.type !== "f" || old.type !== "f") return false;
    if (one.size < MIN_FILE_BYTES || one.links > 1 || old.links > 1 || old.ctime === one.ctime) return false;
    const laterSec = Number(one.mtime) - Number(old.mtime);
    const isAlike = (["inode", "size", "mode", "uid", "gid"] as const).every(
      (field) => old[field] === one[field],
    );
    return isAlike && laterSec > 0 && laterSec < DAY_SEC;
  });
}

/**
 * Those of the touched files whose content and attributes are still those of the layers, by path. None where there are too few to be worth
 * a look, or a layer's bytes are not here.
 * @throws CambiumError `MOUNT_UNREADABLE`; the signal's reason.
 */
export async function unchangedContents(
  touched: readonly FoundPath[],
  folder: string,
  { chain }: Pick<MountState, "chain">,
  where: string,
  engine: Engine,
  { store, signal }: Pick<Workbench, "store" | "signal">,
): Promise<ReadonlySet<string>> {
  const bytes = touched.reduce((sum, { size }) => sum + size, 0);
  if (bytes < MIN_BYTES || !chain.every(({ descriptor }) => store.blobs.has(descriptor.digest)))
    return new Set();
  const paths = new Set(touched.map(({ path }) => path));
  const packed = new Map<string, Digest>();
  for (const layer of chain)
    await hashContents(layerEntries(storedLayer(store, layer)), paths, packed, signal);
  const tar = await engine.readFolder(folder, {
    paths: [...paths],
    signal,
    failure: (code, detail) => unreadableMount(where, code, detail),
  });
  const here = new Map<string, Digest>();
  await hashContents(readTar(tar.bytes, where, { hasRawNames: true }), paths, here, signal);
  await tar.end();
  return new Set([...here].filter(([path, digest]) => packed.get(path) === digest).map(([path]) => path));
}

async function hashContents(
  entries: AsyncIterable<TarEntry>,
  paths: ReadonlySet<string>,
  digests: Map<string, Digest>,
  signal: AbortSignal,
): Promise<void> {
  for await (const entry of entries) {
    signal.throwIfAborted();
    if (!paths.has(entry.path)) continue;
    const hasher = new Hasher();
    for await (const chunk of entry.content()) hasher.update(chunk);
    hasher.update(Buffer.from(canonicalJson(entry.xattrs ?? {})));
    // What a layer has uppermost counts, whatever it is.
    digests.set(entry.path, hasher.digest());
  }
}
