import type {
  BuildList,
  BuildResult,
  DiskUsage,
  ExplainResult,
  ImageDescription,
  LockResult,
  MountList,
  MountPruneResult,
  MountRestoreResult,
  MountSnapshotResult,
  PlanResult,
  PruneResult,
  RemotePruneResult,
  RemoteUsage,
  ValidationReport,
} from "../actions/results.ts";
import type {
  BuildListSettings,
  BuildSettings,
  DiskUsageSettings,
  ExplainSettings,
  InspectSettings,
  LockSettings,
  MountListSettings,
  MountPruneSettings,
  MountRestoreSettings,
  MountSnapshotSettings,
  PlanSettings,
  PruneSettings,
  RebaseSettings,
  RemotePruneSettings,
  RemoteUsageSettings,
  RunSettings,
  ValidateSettings,
} from "../actions/settings.ts";

/** The one call that each command makes. */
export type Library = {
  readonly build: (settings: BuildSettings) => Promise<BuildResult>;
  readonly rebase: (settings: RebaseSettings) => Promise<BuildResult>;
  readonly plan: (settings: PlanSettings) => Promise<PlanResult>;
  readonly explain: (settings: ExplainSettings) => Promise<ExplainResult>;
  readonly listBuilds: (settings: BuildListSettings) => Promise<BuildList>;
  readonly lock: (settings: LockSettings) => Promise<LockResult>;
  /** Answers the exit code of the process inside. */
  readonly run: (settings: RunSettings) => Promise<number>;
  readonly inspect: (settings: InspectSettings) => Promise<ImageDescription>;
  readonly validate: (settings: ValidateSettings) => Promise<ValidationReport>;
  readonly prune: (settings: PruneSettings) => Promise<PruneResult>;
  readonly diskUsage: (settings: DiskUsageSettings) => Promise<DiskUsage>;
  readonly listMounts: (settings: MountListSettings) => Promise<MountList>;
  readonly remoteUsage: (settings: RemoteUsageSettings) => Promise<RemoteUsage>;
  readonly pruneRemote: (settings: RemotePruneSettings) => Promise<RemotePruneResult>;
  readonly pruneMounts: (settings: MountPruneSettings) => Promise<MountPruneResult>;
  readonly snapshotMount: (settings: MountSnapshotSettings) => Promise<MountSnapshotResult>;
  readonly restoreMount: (settings: MountRestoreSettings) => Promise<MountRestoreResult>;
};

/** Each call loads what it needs and no more: `--help` must not wait for the network stack. */
export const library: Library = {
  build: async (settings) => (await import("../actions/build.ts")).build(settings),
  rebase: async (settings) => (await import("../actions/rebase.ts")).rebase(settings),
  plan: async (settings) => (await import("../actions/plan.ts")).plan(settings),
  explain: async (settings) => (await import("../actions/explain/explain.ts")).explain(settings),
  listBuilds: async (settings) => (await import("../actions/explain/explain.ts")).listBuilds(settings),
  lock: async (settings) => (await import("../actions/lock.ts")).lock(settings),
  run: async (settings) => (await import("../actions/run.ts")).run(settings),
  inspect: async (settings) => (await import("../actions/inspect.ts")).inspect(settings),
  validate: async (settings) => (await import("../actions/validate.ts")).validate(settings),
  prune: async (settings) => (await import("../actions/prune.ts")).prune(settings),
  diskUsage: async (settings) => (await import("../actions/disk-usage.ts")).diskUsage(settings),
  listMounts: async (settings) => (await import("../actions/mounts.ts")).listMounts(settings),
  remoteUsage: async (settings) => (await import("../actions/caches/remote-usage.ts")).remoteUsage(settings),
  pruneRemote: async (settings) => (await import("../actions/caches/prune-remote.ts")).pruneRemote(settings),
  pruneMounts: async (settings) => (await import("../actions/mounts.ts")).pruneMounts(settings),
  snapshotMount: async (settings) =>
    (await import("../actions/mounts/snapshot.ts")).snapshotMountTo(settings),
  restoreMount: async (settings) => (await import("../actions/mounts/restore.ts")).restoreMountFrom(settings),
};
