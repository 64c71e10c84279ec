import { linkedBy } from "../../cache/linked.ts";
import { type MountSnapshot, snapshotImage } from "../../cache/mount-snapshot.ts";
import { type CacheExport, homeOf } from "../../cache/place.ts";
import type { Remote } from "../../cache/remote.ts";
import { createEngine } from "../../engine/embedded/engine.ts";
import { CambiumError } from "../../errors.ts";
import type { BlobSource } from "../../image/image.ts";
import { onceBytes } from "../../image/outputs/atomic-file.ts";
import type { Digest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { machinePlatform } from "../../platform.ts";
import { noteCached } from "../../solve/cached-places.ts";
import { lazyLayer } from "../../solve/lazy-layers.ts";
import { mergedChain } from "../../solve/mounts/merged-chain.ts";
import { selectedMounts, snapshotMounts } from "../../solve/mounts/snapshot-mounts.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type MountName, Mounts, type MountUse, mountName } from "../../store/mounts.ts";
import { pause } from "../../store/pause.ts";
import { mountSnapshotAt, mountTag } from "./mount-remotes.ts";

/** How often a mount is put again because another machine put its own at that very moment. */
const MAX_ROUNDS = 4;
const PAUSE_MS = 150;

export type MountTarget = {
  readonly remote: Remote;
  readonly mounts: CacheExport["mounts"];
  readonly isAtHand: (layer: LayerRecord) => boolean;
  /** Counts what goes over. */
  readonly bring: (blobs: readonly BlobSource[]) => Promise<void>;
};

/** A mount in a place. */
export type PlacedMount = { readonly id: string; readonly sizeBytes: number };

/**
 * Brings the cache mounts that a build needed to one place: a whole layer once, later what changed.
 * @param uses of all steps that were needed
 * @returns those that are there now, and ids of those that neither this machine nor the place has
 * @throws CambiumError as `Remote`; the signal's reason.
 */
export async function exportMounts(
  uses: readonly MountUse[],
  target: MountTarget,
  bench: Workbench,
): Promise<{ readonly placed: readonly PlacedMount[]; readonly absent: readonly string[] }> {
  const placed: PlacedMount[] = [];
  const absent: string[] = [];
  if (uses.length === 0 || target.mounts === "none") return { placed, absent };
  const mounts = new Mounts(bench.store);
  const usedMs = new Map<MountName, number | undefined>();
  const unsure: MountUse[] = [];
  for (const [name, use] of selectedMounts(uses, target.mounts)) {
    const same = await unusedSince(use, target.remote, mounts, bench);
    if (same !== undefined) placed.push(same);
    else {
      unsure.push(use);
      usedMs.set(name, mounts.find(name)?.usedMs);
    }
  }
  if (unsure.length === 0) return { placed, absent };
  const engine = createEngine({ store: bench.store, searchPath: bench.env.PATH ?? "" });
  try {
    const options = { isReachable: target.isAtHand };
    for (const mount of await snapshotMounts(unsure, target.mounts, engine, bench, options)) {
      const { use } = mount;
      if (mount.state === "exported" || mount.state === "not-worth") {
        const { snapshot, manifest } = await place(mount.snapshot, target, bench);
        const sizeBytes = sizeOf(snapshot);
        if (snapshot.layers.length === 0) continue;
        placed.push({ id: use.id, sizeBytes });
        const { createdMs } = mount.snapshot;
        const noted: Noted = { usedMs: usedMs.get(mountName(use)), createdMs, manifest, sizeBytes };
        bench.store.records.put(NOTED, notedName(use, target.remote), noted);
      } else if (mount.state === "absent") {
        const snapshot = await mountSnapshotAt(target.remote, mountName(use));
        if (snapshot === undefined) absent.push(use.id);
        else if (snapshot.layers.length > 0) placed.push({ id: use.id, sizeBytes: sizeOf(snapshot) });
      }
    }
  } finally {
    engine.close();
  }
  return { placed, absent };
}

/** What was put into a place of a mount that had been used last then, and was snapshotted then. */
type Noted = {
  readonly usedMs?: number | undefined;
  readonly createdMs: number;
  readonly manifest: Digest;
  readonly sizeBytes: number;
};
const NOTED = "mount-exported";

function notedName(use: MountUse, { place }: Remote): string {
  return `${homeOf(place)} ${mountName(use)}`;
}

/**
 * What the place has of a mount that no step used since it was put there, and nobody uses now: then it need not be looked
 * through, which takes 40 ms of an export that changes nothing, and more for many files.
 */
async function unusedSince(
  use: MountUse,
  remote: Remote,
  mounts: Mounts,
  { store }: Workbench,
): Promise<PlacedMount | undefined> {
  const name = mountName(use);
  const noted = store.records.get(NOTED, notedName(use, remote)) as Noted | undefined;
  if (noted?.usedMs === undefined || mounts.find(name)?.usedMs !== noted.usedMs) return undefined;
  // Restored from elsewhere meanwhile.
  if (mounts.chain(name)?.createdMs !== noted.createdMs || mounts.isInUse(name)) return undefined;
  const tag = mountTag(name, remote);
  if ((await remote.manifestDigest(tag)) !== noted.manifest) return undefined;
  if (remote.place.kind === "folder") {
    const linked = linkedBy((await remote.manifest(tag))?.bytes ?? new Uint8Array());
    const are = linked.map(({ digest, size = -1 }) => remote.hasBlob({ digest, size }));
    if (linked.length === 0 || !(await Promise.all(are)).every(Boolean)) return undefined;
  }
  return { id: use.id, sizeBytes: noted.sizeBytes };
}

/**
 * Puts a snapshot where the place's readers find it. A tag cannot be swapped: who puts looks again, and puts once more
 * where another machine did in between.
 */
async function place(
  ours: MountSnapshot,
  target: MountTarget,
  bench: Workbench,
): Promise<{ readonly snapshot: MountSnapshot; readonly manifest: Digest }> {
  const { remote, bring } = target;
  const tag = mountTag(ours.name, remote);
  const layers = ours.layers.map((layer) => sourceOf(layer, bench));
  for (let round = 1; ; round++) {
    const theirs = await mountSnapshotAt(remote, ours.name).catch((error: unknown) => {
      // What is there is of no use: it is replaced.
      if (error instanceof CambiumError && !error.code.startsWith("REGISTRY_")) return undefined;
      throw error;
    });
    const chain = mergedChain(theirs?.layers ?? [], ours.layers, ours.sharing === "shared");
    const snapshot = { ...ours, layers: chain };
    const { manifest, config } = snapshotImage(
      snapshot,
      chain.map((layer) => lazyLayer(layer, bench)),
      machinePlatform(),
    );
    const done = { snapshot, manifest: manifest.descriptor.digest };
    if ((await remote.manifestDigest(tag)) === done.manifest) return done;
    const own = new Set(chain.map(({ descriptor }) => descriptor.digest));
    await bring(layers.filter(({ descriptor }) => own.has(descriptor.digest)));
    await bring([{ descriptor: config.descriptor, bytes: () => onceBytes(config.bytes) }]);
    await remote.putManifest(manifest, tag);
    for (const { descriptor } of ours.layers) noteCached(bench.store, descriptor.digest, remote.place);
    // Nobody else writes into a folder while its export lasts.
    if (remote.place.kind === "folder" || ours.sharing !== "shared" || round === MAX_ROUNDS) return done;
    await pause(PAUSE_MS * (0.5 + Math.random()), bench.signal);
    if ((await remote.manifestDigest(tag)) === done.manifest) return done;
  }
}

function sourceOf(layer: LayerRecord, bench: Workbench): BlobSource {
  return { descriptor: layer.descriptor, bytes: lazyLayer(layer, bench).compressed };
}

function sizeOf({ layers }: MountSnapshot): number {
  return layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
}
