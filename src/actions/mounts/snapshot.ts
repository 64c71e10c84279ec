import { snapshotImage } from "../../cache/mount-snapshot.ts";
import { createEngine } from "../../engine/embedded/engine.ts";
import { usageError } from "../../errors.ts";
import { type ImageSet, rootOf } from "../../image/image.ts";
import { familiarReference, type Reference } from "../../image/reference.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { machinePlatform } from "../../platform.ts";
import { hasOrigin, notePushed, withLazyLayers } from "../../solve/lazy-layers.ts";
import { snapshotMount } from "../../solve/mounts/snapshot-mount.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { Mounts } from "../../store/mounts.ts";
import { storedLayer } from "../../store/stored-layer.ts";
import type { MountSnapshotResult, OutputResult } from "../results.ts";
import { withSession } from "../session.ts";
import type { MountSnapshotSettings } from "../settings.ts";
import { parseTags } from "../tags.ts";
import { theMount } from "./choose-mount.ts";

/**
 * Makes a cache mount an image: pushed, or written as an image layout.
 * @throws CambiumError `MOUNT_UNKNOWN`, `MOUNT_AMBIGUOUS`, `MOUNT_DESTINATION`, and as `snapshotMount`, `pushImage` and
 *   `writeOciLayout`.
 */
export async function snapshotMountTo(settings: MountSnapshotSettings): Promise<MountSnapshotResult> {
  const tags = parseTags(settings.tags);
  if (tags.length === 0 && settings.dest === undefined) {
    throw usageError(
      "MOUNT_DESTINATION",
      "nowhere to put the snapshot",
      "Name an image with -t, or a folder with -o.",
    );
  }
  return withSession(settings, async ({ bench }) => {
    const { store, env } = bench;
    const engine = createEngine({ store, searchPath: env.PATH ?? "" });
    try {
      const mount = theMount(new Mounts(store), settings);
      const isReachable = ({ descriptor: { digest } }: LayerRecord) =>
        store.blobs.has(digest) || hasOrigin(store, digest);
      const { snapshot, packed, leftOut } = await snapshotMount(mount.name, engine, bench, { isReachable });
      const layers = snapshot.layers.map((record) => storedLayer(store, record));
      const set = withLazyLayers({ images: [snapshotImage(snapshot, layers, machinePlatform())] }, bench);
      const outputs = await written(set, tags, settings.dest, bench);
      return {
        ...{ name: snapshot.name, id: snapshot.id, digest: rootOf(set).descriptor.digest },
        ...(snapshot.project !== undefined && { project: snapshot.project }),
        layers: layers.length,
        sizeBytes: layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
        packed: packed?.kind ?? "nothing",
        packedBytes: packed?.layer.descriptor.size ?? 0,
        ...{ leftOut, outputs },
      };
    } finally {
      engine.close();
    }
  });
}

async function written(
  set: ImageSet,
  tags: readonly Reference[],
  dest: string | undefined,
  bench: Workbench,
): Promise<OutputResult[]> {
  const { digest } = rootOf(set).descriptor;
  const { signal, emit, registries, store } = bench;
  const results: OutputResult[] = [];
  if (dest !== undefined) {
    const { writeOciLayout } = await import("../../image/outputs/oci-layout.ts");
    await writeOciLayout(set, dest, { tags, signal }, emit);
    results.push({ type: "oci", where: dest, digest });
  }
  for (const tag of tags) {
    const { pushImage } = await import("../../registry/push.ts");
    const { sentBytes } = await pushImage(set, tag, registries);
    if (sentBytes > 0) notePushed(store, set, tag);
    results.push({ type: "registry", where: familiarReference(tag), digest });
  }
  return results;
}
