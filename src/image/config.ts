import { canonicalJson } from "../canonical-json.ts";
import { usageError } from "../errors.ts";
import type { DiffId } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import type { ConfigDocument } from "./documents.ts";

/** The part of an image config that people set; `ConfigOp` of the graph fits. Env keeps its order, the last value wins. */
export type ImageSettings = {
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  /** Docker's addition (its image spec v1.2), only ever inherited. */
  readonly healthcheck?: Readonly<Record<string, unknown>>;
  readonly shell?: readonly string[];
  /** Instructions of a Dockerfile for those that stand on the image. */
  readonly onBuild?: readonly string[];
  readonly author?: string;
};

/** What a base brings along: its layers and their history stand first. */
export type BaseConfig = Pick<ConfigDocument, "rootfs" | "history" | "variant">;

/** What made a layer, as `docker history` shows it; no fact of the host belongs here. */
export type LayerHistory = { readonly createdBy: string; readonly comment?: string };

/** Without `diffId` a step that changed no file (image-spec, config.md, `empty_layer`). */
export type ConfiguredLayer = { readonly diffId?: DiffId; readonly history: LayerHistory };

/** RFC 3339 in UTC, whole seconds: one spelling for one time. */
const CREATED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * The canonical bytes of an image config (image-spec, config.md): one history entry per layer, all at `created`.
 * @throws CambiumError `CONFIG_INVALID`.
 */
export function buildImageConfig(input: {
  readonly platform: Platform;
  readonly config: ImageSettings;
  readonly layers: readonly ConfiguredLayer[];
  readonly created: string;
  readonly base?: BaseConfig;
}): Uint8Array {
  const { platform, created, base } = input;
  if (!CREATED.test(created) || Number.isNaN(Date.parse(created))) {
    throw invalid(
      `created is not a UTC time: ${JSON.stringify(created)}`,
      "Write it like 2026-01-31T00:00:00Z.",
    );
  }
  const document = {
    architecture: platform.architecture,
    os: platform.os,
    variant: base?.variant,
    created,
    author: input.config.author,
    config: runtimeConfig(input.config),
    rootfs: {
      type: "layers",
      diff_ids: [...(base?.rootfs.diff_ids ?? []), ...input.layers.flatMap((layer) => layer.diffId ?? [])],
    },
    history: [
      ...(base === undefined ? [] : baseHistory(base)),
      ...input.layers.map(({ diffId, history }) => ({
        created,
        created_by: history.createdBy,
        comment: history.comment,
        empty_layer: diffId === undefined ? true : undefined,
      })),
    ],
  };
  return Buffer.from(canonicalJson(document), "utf8");
}

/** One entry per layer, whatever the base says: readers count those that are not empty against the layers. */
function baseHistory({ history, rootfs }: BaseConfig): readonly Record<string, unknown>[] {
  const entries = history ?? [];
  const count = entries.filter((entry) => entry.empty_layer !== true).length;
  if (count === rootfs.diff_ids.length) return entries;
  return rootfs.diff_ids.map(() => ({ created_by: "layer of the base" }));
}

/** Empty members are left out, as Docker does; readers take both. */
function runtimeConfig(settings: ImageSettings): Record<string, unknown> {
  const env = envLines(settings.env);
  const ports = settings.exposedPorts.map(portKey);
  return {
    User: settings.user === "" ? undefined : settings.user,
    ExposedPorts: keysOrUndefined(ports),
    Env: env.length === 0 ? undefined : env,
    Entrypoint: settings.entrypoint,
    Cmd: settings.cmd,
    Volumes: keysOrUndefined(settings.volumes.map((path) => absolutePath(path, "volume"))),
    WorkingDir: settings.workdir === undefined ? undefined : absolutePath(settings.workdir, "workdir"),
    Labels: Object.keys(settings.labels).length === 0 ? undefined : settings.labels,
    StopSignal: settings.stopSignal,
    Healthcheck: settings.healthcheck,
    Shell: settings.shell,
    OnBuild: settings.onBuild === undefined || settings.onBuild.length === 0 ? undefined : settings.onBuild,
  };
}

function envLines(env: ImageSettings["env"]): string[] {
  const values = new Map<string, string>();
  for (const [name, value] of env) {
    if (!/^[^=\0]+$/.test(name) || value.includes("\0")) {
      throw invalid(
        `not an environment variable: ${JSON.stringify(name)}`,
        "A name is not empty and has no = or NUL.",
      );
    }
    values.set(name, value);
  }
  return [...values].map(([name, value]) => `${name}=${value}`);
}

/** `8000` means TCP (image-spec, config.md, ExposedPorts). */
function portKey(port: string): string {
  const match = /^([1-9][0-9]{0,4})(?:\/(tcp|udp|sctp))?$/.exec(port);
  if (match === null || Number(match[1]) > 65535) {
    throw invalid(`not a port: ${JSON.stringify(port)}`, "Write 8000, 8000/tcp or 53/udp.");
  }
  return `${match[1]}/${match[2] ?? "tcp"}`;
}

function absolutePath(path: string, what: string): string {
  if (!path.startsWith("/") || path.includes("\0")) {
    throw invalid(
      `${what} is not an absolute path: ${JSON.stringify(path)}`,
      "Write it from the image's root, like /app.",
    );
  }
  return path;
}

function keysOrUndefined(keys: readonly string[]): Record<string, Record<string, never>> | undefined {
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, {}]));
}

function invalid(problem: string, hint: string): Error {
  return usageError("CONFIG_INVALID", `image config: ${problem}`, hint);
}
