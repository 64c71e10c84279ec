import { canonicalJson } from "../../canonical-json.ts";
import type { CambiumLock, LockedPackages } from "../../ecosystems/cambium-lock.ts";
import type { LockedSources } from "../../ecosystems/locked-sources.ts";
import { usageError } from "../../errors.ts";
import { ownerOf } from "../../frontend/project/choose-base.ts";
import type { LoadedStages } from "../../frontend/project/loaded-project.ts";
import { onImage } from "../../frontend/project/settled-stages.ts";
import type { PythonStatement } from "../../frontend/project/suite.ts";
import {
  type DefinedStage,
  definedPackages,
  type PackageSet,
  wantedSources,
} from "../../graph/defined-stages.ts";
import type { ConfigOp, Definition } from "../../graph/definition.ts";
import { digestOf } from "../../layer/digest.ts";
import { nearest } from "../../nearest.ts";
import type { Platform } from "../../platform.ts";
import { type LockRequest, obtainLock, partOf, readLockFile } from "../../solve/lock.ts";
import type { Locate } from "../../solve/segments.ts";
import { obtainSources } from "../../solve/sources/lock-sources.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type ChosenPackages, choosePackages, locateDebs } from "../packages/choose-packages.ts";
import { withBase } from "../packages/open-base.ts";
import { assertPython, lockedBase, lockRequest, openProject } from "../prepare.ts";
import type { Project } from "../project.ts";
import type { Session } from "../session.ts";
import type { ProjectSettings } from "../settings.ts";

/** Packages of one stage, locked. */
export type LockedSet = {
  readonly definition: Definition;
  readonly lock: CambiumLock;
  /** What is installed: of Python what a lock of the project's own says, if there is one. */
  readonly installed: Pick<CambiumLock, "base" | "debian" | "python">;
  readonly locateDebs: Locate;
  readonly choose: (platform: Platform) => Promise<ChosenPackages>;
};

/** Stages whose packages and sources are settled. */
export type PreparedStages = {
  readonly stages: LoadedStages;
  /** By the stage's number, of those with packages of their own. */
  readonly sets: ReadonlyMap<number, LockedSet>;
  readonly sources: LockedSources;
};

export type Earlier = {
  /** The lock answers for these too where it can. */
  readonly optionalPlatforms?: readonly Platform[] | undefined;
  /** The lock of an earlier build elsewhere, for what this machine does not know. */
  readonly recorded?: CambiumLock | undefined;
};

/** Says nothing: settings are the stage's, not those of what it stands on. */
const NO_SETTINGS: ConfigOp = { env: [], labels: {}, exposedPorts: [], volumes: [] };

/** The stage that `--target`, or another flag, names, else the image. @throws CambiumError `STAGE_UNKNOWN`. */
export function targetOf(
  { stages, target }: LoadedStages,
  wanted: string | undefined,
  flag = "--target",
): number {
  if (wanted === undefined) return target;
  const found = stages.findIndex(({ name, isImage }) => !isImage && name === wanted);
  if (found !== -1) return found;
  if (stages[target]!.name === wanted) return target;
  const names = stages.map(({ name }) => name);
  const near = nearest(wanted, names);
  throw usageError(
    "STAGE_UNKNOWN",
    `${flag}: no stage ${JSON.stringify(wanted)}`,
    near === undefined ? `There is ${names.join(", ")}.` : `Did you mean ${near}?`,
  );
}

/**
 * Locks the packages of the stages that are needed, and settles what URLs, branches and images mean.
 * @throws CambiumError as `obtainLock` and `obtainSources`.
 */
export async function prepareStages(
  settings: ProjectSettings,
  project: Project,
  needed: readonly number[],
  session: Session,
  { optionalPlatforms, recorded }: Earlier = {},
): Promise<PreparedStages> {
  const stages = stagesOf(project);
  const sets = new Map<number, LockedSet>();
  for (const index of needed) {
    const set = await lockedSet(index, stages, settings, project, session, { optionalPlatforms, recorded });
    if (set !== undefined) sets.set(index, set);
  }
  const { bench } = session;
  const file = await readLockFile(project.lockPath, bench);
  const { locked, upgrade, pull } = settings;
  const sources = await obtainSources(
    {
      ...{ wanted: wantedSources(needed.map((index) => stages.stages[index]!)), file: file?.sources },
      ...{ platforms: project.platforms, root: project.loaded.context.root, locked, upgrade, pull },
      recorded: recorded?.sources,
    },
    bench,
  );
  return { stages, sets, sources };
}

export function stagesOf({ loaded }: Project): LoadedStages {
  if (loaded.stages === undefined) throw new TypeError("a project without stages");
  return loaded.stages;
}

/** Undefined for a stage without packages of its own. Its base may be another one than was defined: see `withBase`. */
async function lockedSet(
  index: number,
  { stages, pythons }: LoadedStages,
  settings: ProjectSettings,
  project: Project,
  session: Session,
  { optionalPlatforms, recorded }: Earlier,
): Promise<LockedSet | undefined> {
  const stage = stages[index]!;
  if (stage.base.kind !== "packages") return undefined;
  const { packages } = stage.base;
  const python = pythons.get(index);
  const name = stage.isImage ? undefined : stage.name;
  const { debianMirror } = project;
  const locked = await lockedBase(settings, project, name, session);
  const { base, isBaseSet } = packages;
  const part = partOf(recorded, name);
  const own: Session = { ...session, bench: stageBench(stage, session.bench) };
  return withBase(
    { base, isBaseSet, debianMirror, python: python?.version, locked, whose: ownerOf(stage) },
    async (from) => {
      const on =
        from === undefined ? packages : { ...packages, base: onImage(packages, from), isBaseSet: true };
      const its = projectOf(on, python?.statements ?? [], project);
      const request = {
        ...(name !== undefined && { stage: name }),
        ...(optionalPlatforms !== undefined && { optionalPlatforms }),
        ...(part !== undefined && { recorded: async () => part }),
      };
      return lockPackages(its, request, settings, own);
    },
    session.bench,
  );
}

/** A stage's packages as a project of their own. */
function projectOf(
  packages: PackageSet,
  pythonStatements: readonly PythonStatement[],
  project: Project,
): Project {
  const { loaded } = project;
  const definition: Definition = { ...definedPackages(packages), files: [], config: NO_SETTINGS };
  const { isBaseSet } = packages;
  return {
    ...project,
    loaded: { ...loaded, definition, settings: { ...loaded.settings, isBaseSet }, pythonStatements },
  };
}

async function lockPackages(
  project: Project,
  more: Pick<LockRequest, "stage" | "optionalPlatforms" | "recorded">,
  settings: ProjectSettings,
  session: Session,
): Promise<LockedSet> {
  const { bench } = session;
  const { definition } = project.loaded;
  const opened = await openProject(settings, project, session);
  const { inputs, index } = opened;
  const { lock, outdatesFile } = await obtainLock(
    { ...lockRequest(settings, opened), ...more },
    index,
    bench,
  );
  assertPython(project, lock);
  if (outdatesFile) {
    const { stage } = more;
    const message = `cambium.lock does not fit ${stage === undefined ? "the image" : `stage ${stage}`} any more; its choices were kept where they can be (cambium lock writes it anew)`;
    bench.emit({ type: "notice", message });
  }
  return {
    definition,
    lock,
    installed: inputs?.kind === "lock" ? { ...lock, python: inputs.lock } : lock,
    locateDebs: locateDebs(project.debianMirror, lock),
    choose: (platform) => choosePackages({ definition, inputs, lock, index, platform }, bench),
  };
}

/** Steps of several stages have names of their own in events. */
export function stageBench({ name, isImage }: DefinedStage, bench: Workbench): Workbench {
  if (isImage) return bench;
  return {
    ...bench,
    emit: (event) => {
      if (event.type === "step-started") {
        bench.emit({ ...event, id: `${name}: ${event.id}`, name: `${name}: ${event.name}` });
      } else if (event.type === "step-done") bench.emit({ ...event, id: `${name}: ${event.id}` });
      else bench.emit(event);
    },
  };
}

/** What `cambium.lock` holds of stages. */
export function lockOfStages({ stages, sets, sources }: PreparedStages): CambiumLock {
  const parts = [...sets].map(([index, { lock }]) => {
    const { version: _, stages: __, sources: ___, ...packages } = lock;
    return { stage: stages.stages[index]!, packages };
  });
  const own = parts.find(({ stage }) => stage.isImage)?.packages;
  const others = parts.filter(({ stage }) => !stage.isImage);
  const hasSources = Object.values(sources).some((all) => all.length > 0);
  return {
    version: 1,
    ...(own ?? NO_PACKAGES),
    ...(others.length > 0 && {
      stages: Object.fromEntries(others.map(({ stage, packages }) => [stage.name, packages])),
    }),
    ...(hasSources && { sources }),
  };
}

/** Of an image that stands on a stage or on nothing. */
const NO_PACKAGES: LockedPackages = { inputs: digestOf(canonicalJson({})) };
