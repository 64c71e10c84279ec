import { type MountSnapshot, snapshotImage } from "../../cache/mount-snapshot.ts";
import type { CacheExport } from "../../cache/place.ts";
import type { Remote } from "../../cache/remote.ts";
import { createEngine } from "../../engine/embedded/engine.ts";
import { CambiumError } from "../../errors.ts";
import type { BlobSource } from "../../image/image.ts";
import { onceBytes } from "../../image/outputs/atomic-file.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { machinePlatform } from "../../platform.ts";
import { noteCached } from "../../solve/cached-places.ts";
import { lazyLayer } from "../../solve/lazy-layers.ts";
import { mergedChain } from "../../solve/mounts/merged-chain.ts";
import { snapshotMounts } from "../../solve/mounts/snapshot-mounts.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type MountUse, mountName } from "../../store/mounts.ts";
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
  const engine = createEngine({ store: bench.store, searchPath: bench.env.PATH ?? "" });
  try {
    const options = { isReachable: target.isAtHand };
    for (const mount of await snapshotMounts(uses, target.mounts, engine, bench, options)) {
      const { use } = mount;
      if (mount.state === "empty" || mount.state === "failed") continue;
      const hasOwn = mount.state === "exported" || mount.state === "not-worth";
      const snapshot = hasOwn
        ? await place(mount.snapshot, target, bench)
        : await mountSnapshotAt(target.remote, mountName(use));
      if (snapshot === undefined) absent.push(use.id);
      else if (snapshot.layers.length > 0) placed.push({ id: use.id, sizeBytes: sizeOf(snapshot) });
    }
  } finally {
    engine.close();
  }
  return { placed, absent };
}

/**
 * Puts a snapshot where the place's readers find it. A tag cannot be swapped: who puts looks again, and puts once more
 * where another machine did in between.
 */
async function place(ours: MountSnapshot, target: MountTarget, bench: Workbench): Promise<MountSnapshot> {
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
    if ((await remote.manifestDigest(tag)) === manifest.descriptor.digest) return snapshot;
    const own = new Set(chain.map(({ descriptor }) => descriptor.digest));
    await bring(layers.filter(({ descriptor }) => own.has(descriptor.digest)));
    await bring([{ descriptor: config.descriptor, bytes: () => onceBytes(config.bytes) }]);
    await remote.putManifest(manifest, tag);
    for (const { descriptor } of ours.layers) noteCached(bench.store, descriptor.digest, remote.place);
    // Nobody else writes into a folder while its export lasts.
    if (remote.place.kind === "folder" || ours.sharing !== "shared" || round === MAX_ROUNDS) return snapshot;
    await pause(PAUSE_MS * (0.5 + Math.random()), bench.signal);
    if ((await remote.manifestDigest(tag)) === manifest.descriptor.digest) return snapshot;
  }
}

function sourceOf(layer: LayerRecord, bench: Workbench): BlobSource {
  return { descriptor: layer.descriptor, bytes: lazyLayer(layer, bench).compressed };
}

function sizeOf({ layers }: MountSnapshot): number {
  return layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
}
