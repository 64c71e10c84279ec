import type { CacheFromSpec, CachePlaceSpec, CacheToSpec } from "../cache-spec.ts";
import { type EngineKind, engineKinds } from "../engine/load/engine.ts";
import type { Emit } from "../events.ts";
import type { Witness } from "../explain/evidence.ts";
import type { Platform } from "../platform.ts";
import type { SecretSource } from "../solve/steps/run-mounts.ts";

/** Where a result is written besides the store. `dest` is an absolute path; see `outputTypes` for what each makes. */
export type OutputSettings = {
  readonly type: OutputType;
  readonly dest: string;
  /** Of `oci` in a folder: without its layers, which stay where they are. */
  readonly isReference?: boolean;
};

/**
 * `oci`: image layout, as a folder, or as a tar when `dest` ends in `.tar`. `docker`: a tar that `docker load` reads.
 * `tar`: the root filesystem as one tar. `rootfs`: the root filesystem as a folder.
 */
export const outputTypes = ["oci", "docker", "tar", "rootfs"] as const;
export type OutputType = (typeof outputTypes)[number];

export { engineKinds };
/** Into which container engine of this machine; `auto`: the first that answers. */
export type LoadSettings = EngineKind | "auto";

/** What every command that touches the store and may be interrupted is given. Paths are absolute. */
export type SessionSettings = {
  readonly storeRoot: string;
  /** The caller's environment, once: proxies, CA bundle, index settings of pip and uv, PATH, HOME. Never written anywhere. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly emit: Emit;
  /** `host[:port]` of registries that may have plain HTTP or a certificate that nobody signed. */
  readonly insecureRegistries?: readonly string[];
  /** Upper bound for work done at once (threads, downloads); absent: the library decides by the machine. */
  readonly concurrency?: number;
  /** `CAMBIUM_STORE_MAX`: what the store may take after a command that added to it. Absent: a default. */
  readonly maxStoreBytes?: number;
};

/** What `build`, `plan`, `lock` and a `run` that builds have in common: which definition, for what, from where. */
export type ProjectSettings = SessionSettings & {
  /** The flags that say the rest, as written (`--target`): those that the project cannot follow are refused. */
  readonly flags?: readonly string[];
  /** The build context: a folder, or one PEP 723 script. */
  readonly contextDir: string;
  /** `-f`: the definition or requirements file; absent: found by the project frontend. */
  readonly file?: string;
  /** Empty means: what the definition says, else the host's. Without repeats, in the order given. */
  readonly platforms: readonly Platform[];
  /** `X.Y`: the Python to build for where the definition leaves it open. */
  readonly python?: string;
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** `--bytecode`, `--no-bytecode`: before what the definition says. */
  readonly bytecode?: boolean;
  /** `--base`: an image of a registry to stand on, before what the definition says. */
  readonly base?: string;
  /** Look the base up again, whatever was chosen before. */
  readonly pull: boolean;
  /** URL of a Debian mirror; may hold credentials, so never print it as it is. */
  readonly debianMirror?: string;
  /** URLs of package indexes; may hold credentials, so never print them as they are. */
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  /** Fail where the lock does not answer, instead of resolving. */
  readonly locked: boolean;
  /** True: forget all earlier choices; names: forget those. */
  readonly upgrade: boolean | readonly string[];
  /** Recompute everything, or the steps of these stages; downloads that are verified by digest are still used. */
  readonly noCache: boolean | readonly string[];
  /** Seconds since 1970. */
  readonly sourceDateEpoch?: number;
};

export type BuildSettings = ProjectSettings & {
  /** References; with `push` also where the image goes. */
  readonly tags: readonly string[];
  readonly outputs: readonly OutputSettings[];
  readonly push: boolean;
  readonly load?: LoadSettings;
  /** Where what others built is looked for; folders are absolute. */
  readonly cacheFrom: readonly CacheFromSpec[];
  /** Where what is built goes for others, besides the tags; folders are absolute. */
  readonly cacheTo: readonly CacheToSpec[];
  /** Nobody else is asked: what others say proved wrong in this build. */
  readonly isAlone?: boolean;
  readonly dockerfile: DockerfileSettings;
};

/** What only Dockerfiles take. */
export type DockerfileSettings = {
  /** `--target`. */
  readonly target?: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** `--build-context`: folders are absolute. */
  readonly buildContexts: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** Sockets of ssh agents by id. */
  readonly sshSockets: ReadonlyMap<string, string>;
  /** Of steps that name none. */
  readonly network: "host" | "none";
  readonly allowsInsecure: boolean;
  /** PEM file of certificates that steps are lent; absolute. It goes before what a project says itself. */
  readonly caBundle?: string;
  /** A step that fails shows a shell on our terminal, which is stdin and stderr. Absent: it ends the build. */
  readonly onError?: "shell";
  /** `CAMBIUM_PROJECT`: whose cache mounts are used. Absent: found by git, tag or folder. */
  readonly project?: string;
  /** `CAMBIUM_MOUNTS_MAX`: what all cache mounts of the store may take. Absent: a default. */
  readonly maxMountBytes?: number;
};

export type { SecretSource };

/** Nothing said for a Dockerfile. */
export const NO_DOCKERFILE_SETTINGS: DockerfileSettings = {
  buildArgs: new Map(),
  buildContexts: new Map(),
  secrets: new Map(),
  sshSockets: new Map(),
  network: "host",
  allowsInsecure: false,
};

export type RebaseSettings = SessionSettings & {
  /** Reference of an image with a build record. */
  readonly image: string;
  /** Reference of the new base. */
  readonly base: string;
  /** Names for the result; empty: `image`. */
  readonly tags: readonly string[];
  readonly push: boolean;
  readonly load?: LoadSettings;
  /** Where further packages of Debian come from; may hold credentials. */
  readonly debianMirror?: string;
  /** What relative paths of index settings count from. */
  readonly cwd: string;
};

export type PlanSettings = ProjectSettings & {
  readonly dockerfile?: DockerfileSettings;
};

export type LockSettings = ProjectSettings & {
  readonly dockerfile?: DockerfileSettings;
  /** Write each archive's URL (without credentials) into the lock. */
  readonly urls: boolean;
  /** Where the lock goes; absent: `cambium.lock` in the context. */
  readonly output?: string;
  /** Write nothing; say whether the lock would change. */
  readonly check: boolean;
};

export type RunSettings = ProjectSettings & {
  /** An image to run as it is (tag in the store, layout folder, tar); absent: build the context first. */
  readonly image?: string;
  /** What a relative path in `image` counts from. */
  readonly cwd: string;
  /** Arguments that replace the image's cmd; empty: the cmd as it stands. */
  readonly args: readonly string[];
  readonly entrypoint?: string;
  /** `NAME=VALUE` pairs on top of the image's. */
  readonly envOverrides: readonly (readonly [name: string, value: string])[];
  readonly workdir?: string;
  readonly user?: string;
  readonly volumes: readonly VolumeSettings[];
  readonly network: "host" | "none";
  /** Connect stdin and, when it is a terminal, give the process one. */
  readonly isInteractive: boolean;
  /** Stdin is a terminal. */
  readonly hasTerminal: boolean;
};

/** A host folder or file shown inside; `source` is absolute on the host, `target` absolute inside. */
export type VolumeSettings = {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
};

export type InspectSettings = SessionSettings & {
  /** Tag or digest in the store, image layout folder, image tar. */
  readonly source: string;
  /** What a relative path in `source` counts from. */
  readonly cwd: string;
  /** Which image of an index; absent: all. */
  readonly platform?: Platform;
};

export type ValidateSettings = SessionSettings & {
  /** As `InspectSettings` has it. */
  readonly source: string;
  readonly cwd: string;
};

export type PruneSettings = SessionSettings & {
  /** Keep what was used within this time. */
  readonly keepUsedWithinMs?: number;
  /** Remove the least recently used until the store is this small. */
  readonly maxBytes?: number;
  /** Keep what the last builds of each project came to: so many. */
  readonly keepLast?: number;
  /** Tagged images too, names and all, by when they were used. */
  readonly takesTagged: boolean;
  /** Only say what would go. */
  readonly isDryRun: boolean;
};

export type RemotePruneSettings = SessionSettings & {
  readonly place: CachePlaceSpec;
  /** What the last so many builds told stays. */
  readonly keepLast?: number;
  /** What was told within this time stays; in days. */
  readonly keepUsedWithinMs?: number;
  readonly isDryRun: boolean;
};

export type RemoteUsageSettings = SessionSettings & { readonly place: CachePlaceSpec };

export type DiskUsageSettings = SessionSettings;

export type ExplainSettings = SessionSettings & {
  /** Id of a build, or the beginning or end of one, or how many builds back. Absent: the last. */
  readonly build?: string;
  /** Builds of this folder come first. */
  readonly cwd: string;
  /** Only steps at this line, or with this in their text. */
  readonly step?: string;
  /** Builds of other machines to compare with. */
  readonly elsewhere?: readonly Witness[];
};

export type BuildListSettings = SessionSettings;

export type MountListSettings = SessionSettings;

/** Which mount is meant. */
type MountNamed = {
  /** As written, or a name. */
  readonly id: string;
  /** Absent: that of `contextDir`. */
  readonly project?: string;
  /** Absolute: a folder of the project. */
  readonly contextDir: string;
};

export type MountSnapshotSettings = SessionSettings &
  MountNamed & {
    /** References to push to. */
    readonly tags: readonly string[];
    /** A folder to write an image layout into; absolute. */
    readonly dest?: string;
  };

export type MountRestoreSettings = SessionSettings &
  MountNamed & {
    /** An image, a folder, a git repository, or the URL of an archive. */
    readonly source: string;
    /** Of the archive that a URL gives: `sha256:…`; of a git repository the commit. */
    readonly checksum?: string;
    /** A mount that has content keeps it. */
    readonly onlyIfEmpty: boolean;
    /** Of the root of a new mount, as a step states them. */
    readonly owner: { readonly mode?: number; readonly uid?: number; readonly gid?: number };
  };

/** What is absent allows all. */
export type MountPruneSettings = SessionSettings & {
  /** Only what was not used within this time. */
  readonly olderThanMs?: number;
  /** Stop once all together take no more. */
  readonly maxBytes?: number;
  /** Ids as written, or names. */
  readonly ids?: readonly string[];
};

/** What says how the stages are built. */
export type StagesSettings = ProjectSettings & {
  readonly dockerfile: DockerfileSettings;
  /** Of the image: they may name the project. */
  readonly tags?: readonly string[];
};
