import { MOUNT_LABEL, snapshotImage } from "../../../src/cache/mount-snapshot.ts";
import { configSchema } from "../../../src/image/documents.ts";
import { ZSTD_LAYER_MEDIA_TYPE } from "../../../src/layer/layer.ts";
import { mountName } from "../../../src/store/mounts.ts";
import { layerOf } from "../../support/layers.ts";
import type { Example } from "./example.ts";

/** The snapshot of a pip cache with one layer. */
export function mountSnapshotExamples(): Example[] {
  const owner = { mode: 0o755, uid: 0, gid: 0 };
  const identity = { id: "/root/.cache/pip", project: "git host.example/team/app", owner };
  const made = layerOf({ path: "wheels", directory: true });
  const layer = { ...made, descriptor: { ...made.descriptor, mediaType: ZSTD_LAYER_MEDIA_TYPE } };
  const { config } = snapshotImage(
    {
      ...identity,
      ...{ name: mountName(identity), target: identity.id, sharing: "shared" },
      root: { ...owner, mtime: "1795000000.123456789" },
      layers: [{ ...layer, tarBytes: 1536 }],
      ...{ liveBytes: 3072, createdMs: 1_795_000_000_000 },
      costs: {
        restore: { bytes: 100, ms: 12 },
        steps: { "0123456789abcdef": { coldMs: 41_000, warmMs: 2500 } },
      },
    },
    [layer],
    { os: "linux", architecture: "amd64" },
  );
  const text = Buffer.from(config.bytes).toString("utf8");
  const label = configSchema.parse(JSON.parse(text)).config?.Labels?.[MOUNT_LABEL] ?? "";
  return [
    { name: "mount-config", text },
    { name: "mount-label", text: label },
  ];
}
