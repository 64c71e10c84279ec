import { z } from "zod";
import { canonicalJson } from "../canonical-json.ts";
import { CambiumError } from "../errors.ts";
import { describeIssues } from "../image/documents.ts";
import { assembleImage, type Image } from "../image/image.ts";
import type { LoadedImage } from "../image/load.ts";
import { ociLayerType } from "../image/media-types.ts";
import type { Layer } from "../layer/layer.ts";
import type { Platform } from "../platform.ts";
import type { ChainLayer } from "../store/mount-state.ts";
import type { MountCosts, MountName, MountOwner, MountSharing } from "../store/mounts.ts";

/** The label of an image that is the snapshot of a cache mount: all that its layers do not say, as JSON. */
export const MOUNT_LABEL = "vnd.cambium.mount.v1";

/** What a cache mount was at one time, as layers; their bytes are elsewhere. */
export type MountSnapshot = {
  /** Says whose it is: of id, project and owner. */
  readonly name: MountName;
  readonly id: string;
  /** For people. Absent: every project's, or a folder of some machine. */
  readonly project?: string;
  readonly owner: MountOwner;
  /** Where a step saw it last. */
  readonly target: string;
  readonly sharing: MountSharing;
  /** Of its root directory, which is in no layer. */
  readonly root: MountOwner & { readonly mtime: string };
  /** Bottom up: a whole one, then what changed. */
  readonly layers: readonly ChainLayer[];
  /** Bytes of a tar of what is in it, without what upper layers took away. */
  readonly liveBytes: number;
  /** When it became so: milliseconds since the epoch. */
  readonly createdMs: number;
  readonly costs: MountCosts;
};

/** Layers of one snapshot; overlay itself ends at 500, ours is packed anew long before. */
const MAX_LAYERS = 128;
const MAX_STEPS = 64;
/** A label is text of an image config, which is read whole. */
const MAX_LABEL_BYTES = 1 << 16;

const bytes = z.int().min(0);
const text = z.string().min(1).max(4096);
const ids = { mode: z.int().min(0).max(0o7777), uid: bytes.max(2 ** 32 - 1), gid: bytes.max(2 ** 32 - 1) };
const ms = z.number().min(0).max(1e12);
const costsSchema = z.object({
  restore: z.object({ bytes, ms }).optional(),
  losses: z.int().min(0).optional(),
  steps: z
    .record(z.string().regex(/^[0-9a-f]{16}$/), z.object({ coldMs: ms.optional(), warmMs: ms.optional() }))
    .refine((steps) => Object.keys(steps).length <= MAX_STEPS, "too many steps"),
});
const labelSchema = z.object({
  version: z.literal(1),
  name: z.string().regex(/^[0-9a-f]{24}$/),
  id: text,
  project: text.optional(),
  owner: z.object(ids),
  target: text,
  sharing: z.enum(["shared", "private", "locked"]),
  root: z.object({ ...ids, mtime: z.string().regex(/^-?\d{1,12}\.\d{9}$/) }),
  tarBytes: z.array(bytes).max(MAX_LAYERS),
  liveBytes: bytes,
  createdMs: z.int().min(0).max(253402300799000),
  costs: costsSchema,
});

/** An ordinary image, of which any tool can take the files. `layers` are those of the snapshot, in their order. */
export function snapshotImage(snapshot: MountSnapshot, layers: readonly Layer[], platform: Platform): Image {
  const { layers: chain, createdMs, project, ...rest } = snapshot;
  const label = {
    version: 1,
    ...rest,
    // A path of one machine means nothing on another, and is nobody's business there.
    project: project?.startsWith("folder ") === true ? undefined : project,
    tarBytes: chain.map(({ tarBytes }) => tarBytes),
    createdMs,
  };
  return assembleImage({
    platform,
    config: { env: [], labels: { [MOUNT_LABEL]: canonicalJson(label) }, exposedPorts: [], volumes: [] },
    layers: layers.map((layer, i) => ({
      layer,
      history: { createdBy: `cambium: cache mount ${snapshot.id}${i === 0 ? "" : ", what changed"}` },
    })),
    created: `${new Date(createdMs).toISOString().slice(0, 19)}Z`,
  });
}

/**
 * What an image says of the mount that it is a snapshot of; undefined where it says nothing, as any other image.
 * @throws CambiumError `MOUNT_SNAPSHOT` for a label that is not ours, or newer, or does not fit the layers.
 */
export function readMountSnapshot(
  { config, layers }: Pick<LoadedImage, "config" | "layers">,
  where: string,
): MountSnapshot | undefined {
  const label = config.config?.Labels?.[MOUNT_LABEL];
  if (label === undefined) return undefined;
  const parsed = labelSchema.safeParse(jsonOf(label));
  if (!parsed.success) throw snapshotError(where, describeIssues(parsed.error));
  const { version: _, tarBytes, project, costs, ...rest } = parsed.data;
  if (tarBytes.length !== layers.length || config.rootfs.diff_ids.length !== layers.length) {
    throw snapshotError(where, `it speaks of ${tarBytes.length} layers, and has ${layers.length}`);
  }
  return {
    ...rest,
    ...(project !== undefined && { project }),
    costs: costs as MountCosts,
    layers: layers.map(({ descriptor, diffId }, i) => ({
      descriptor: { ...descriptor, mediaType: ociLayerType(descriptor.mediaType) },
      diffId,
      tarBytes: tarBytes[i]!,
    })),
  };
}

function jsonOf(label: string): unknown {
  if (label.length > MAX_LABEL_BYTES) return undefined;
  try {
    return JSON.parse(label);
  } catch {
    return undefined;
  }
}

function snapshotError(where: string, problem: string): CambiumError {
  return new CambiumError("MOUNT_SNAPSHOT", `${where}: not a snapshot of a cache mount: ${problem}`, {
    hint: "It is damaged, made to mislead, or of a newer Cambium; make it anew with cambium mount snapshot.",
  });
}
