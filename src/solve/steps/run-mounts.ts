import { readFileSync } from "node:fs";
import { canonicalJson } from "../../canonical-json.ts";
import type { AptSources } from "../../engine/embedded/lent-sources.ts";
import type { EngineMount } from "../../engine/embedded/step-mounts.ts";
import { usageError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import {
  type CacheMount,
  type RunStep,
  type StepMount,
  type StepPlace,
  whereOf,
} from "../../graph/stages.ts";
import type { ContentIds } from "../../graph/step-key.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import { digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { nearest } from "../../nearest.ts";

/** `--secret id=…,src=…` or `env=…`: where its bytes are. */
export type SecretSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string };

/** What a build lends to its steps, and no key knows. */
export type Lent = {
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** Sockets of ssh agents by id. */
  readonly sshSockets: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Keeps the cache mounts of one project apart from those of others; the same on every machine. */
  readonly project: string;
  /** Where an image's apt finds packages, if it says nothing itself. */
  readonly aptSources: AptSources;
  /** PEM of certificates for steps whose image has its own in one file. */
  readonly caBundle?: Uint8Array;
};

/** A file tree that a mount shows, as layers. */
export type MountedTree = {
  readonly records: readonly LayerRecord[];
  readonly tree: ImageTree;
  readonly contents: ContentIds;
};

/** `source=` as people write the whole of something. */
export function isRootPath(path: string): boolean {
  return /^[./]*$/.test(path) && !path.includes("..");
}

/**
 * What a bind mount shows, for the step's key: each path below its source, with type, mode, owner, link and content.
 * @throws CambiumError `MOUNT_SOURCE`.
 */
export function boundContent(tree: ImageTree, source: string, where: string): string {
  const found = isRootPath(source) ? undefined : tree.lookup(source);
  if (found === undefined && !isRootPath(source)) {
    throw usageError(
      "MOUNT_SOURCE",
      `${where}: there is no ${JSON.stringify(source)} to mount`,
      "Check the mount's source= and from=.",
    );
  }
  const root = found === undefined ? "" : found.path;
  const entries = [];
  for (const entry of tree.entries()) {
    if (root === "" || entry.path === root || entry.path.startsWith(`${root}/`)) entries.push(entry);
  }
  return digestOf(canonicalJson(entries));
}

export type RunMounts = {
  readonly mounts: readonly EngineMount[];
  /** Variables that come from secrets. */
  readonly env: readonly string[];
};

/**
 * Makes the mounts of a step ready for the engine.
 * @param bound what bind mounts show, by target
 * @throws CambiumError `SECRET_MISSING`, `SSH_MISSING`, `SECRET_UNREADABLE`.
 */
export async function runMounts(
  step: RunStep & StepPlace,
  bound: ReadonlyMap<string, MountedTree>,
  treesOf: (records: readonly LayerRecord[]) => Promise<readonly string[]>,
  folders: ReadonlyMap<CacheMount, string>,
  lent: Lent,
  emit: Emit,
): Promise<RunMounts> {
  const mounts: EngineMount[] = [];
  const env: string[] = [];
  for (const mount of step.mounts) {
    switch (mount.type) {
      case "bind": {
        const { target, isReadOnly, source } = mount;
        const trees = await treesOf(bound.get(target)!.records);
        mounts.push({ type: "bind", source: { kind: "trees", trees, path: source }, target, isReadOnly });
        break;
      }
      case "cache": {
        const { target, isReadOnly } = mount;
        mounts.push({ type: "cache", folder: folders.get(mount)!, target, isReadOnly });
        break;
      }
      case "tmpfs": {
        const { target, sizeBytes } = mount;
        mounts.push({ type: "tmpfs", target, ...(sizeBytes !== undefined && { sizeBytes }) });
        break;
      }
      case "secret": {
        const content = secretBytes(mount, lent);
        if (content === undefined) {
          emit({ type: "notice", message: absentSecret(mount.id, step, lent) });
          break;
        }
        if (mount.env !== undefined) env.push(`${mount.env}=${content.toString("utf8")}`);
        const { target, mode, uid, gid } = mount;
        if (target !== undefined) mounts.push({ type: "file", content, target, mode, uid, gid });
        break;
      }
      case "ssh": {
        const socket = lent.sshSockets.get(mount.id);
        if (socket === undefined) {
          if (!mount.isRequired) break;
          throw usageError(
            "SSH_MISSING",
            `the ssh agent ${JSON.stringify(mount.id)} is required, and was not given`,
            `Give it: --ssh ${mount.id}=$SSH_AUTH_SOCK`,
          );
        }
        mounts.push({ type: "ssh", socket, target: mount.target });
        if (!step.env.some(([name]) => name === "SSH_AUTH_SOCK")) env.push(`SSH_AUTH_SOCK=${mount.target}`);
      }
    }
  }
  for (const { path, content } of step.scripts) {
    const owner = { mode: 0o755, uid: 0, gid: 0 };
    mounts.push({ type: "file", content: Buffer.from(content, "utf8"), target: path, ...owner });
  }
  return { mounts, env };
}

/** The step runs without it, as it does in a Dockerfile; what it makes is then known, also once the secret is given. */
function absentSecret(id: string, step: StepPlace, { secrets }: Lent): string {
  const near = nearest(id, [...secrets.keys()]);
  const given = near === undefined ? "" : ` (${near} was)`;
  return `${whereOf(step)}: the secret ${id} was not given${given}, and the command runs without it: --secret id=${id},src=FILE gives it, required makes it an error`;
}

function secretBytes(
  { id, isRequired }: Extract<StepMount, { type: "secret" }>,
  { secrets, env }: Lent,
): Buffer | undefined {
  const source = secrets.get(id);
  if (source === undefined) {
    if (!isRequired) return undefined;
    throw usageError(
      "SECRET_MISSING",
      `the secret ${JSON.stringify(id)} is required, and was not given`,
      `Give it: --secret id=${id},src=FILE or --secret id=${id},env=NAME`,
    );
  }
  if (source.kind === "env") {
    const value = env[source.name];
    if (value !== undefined) return Buffer.from(value, "utf8");
    throw usageError(
      "SECRET_MISSING",
      `the secret ${JSON.stringify(id)}: ${source.name} is not set`,
      "Set the variable, or name a file with src=.",
    );
  }
  try {
    return readFileSync(source.path);
  } catch (error) {
    throw usageError(
      "SECRET_UNREADABLE",
      `the secret ${JSON.stringify(id)}: cannot read ${source.path}`,
      "Check the path behind src=.",
      error,
    );
  }
}
