import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import type { LockedBase } from "../ecosystems/locked-base.ts";
import { usageError } from "../errors.ts";
import { ownerOf } from "../frontend/project/choose-base.ts";
import { meetsStatement } from "../frontend/project/suite.ts";
import type { Platform } from "../platform.ts";
import { type LockRequest, type ObtainedLock, obtainLock, readLockFile } from "../solve/lock.ts";
import type { Accounts } from "../solve/owners.ts";
import { type PythonInputs, readPythonInputs } from "../solve/python-inputs.ts";
import { pythonTarget } from "../solve/python-target.ts";
import type { Locate } from "../solve/segments.ts";
import { type ChosenPackages, choosePackages, locateDebs } from "./packages/choose-packages.ts";
import { withBase } from "./packages/open-base.ts";
import { openIndex } from "./packages/open-index.ts";
import { loadProject, type Project } from "./project.ts";
import type { RecordedBuild } from "./records/recorded-build.ts";
import type { Session } from "./session.ts";
import type { ProjectSettings } from "./settings.ts";

/** A project read and locked: from here on `plan` and `build` differ. */
export type Prepared = {
  readonly project: Project;
  readonly inputs: PythonInputs | undefined;
  readonly locked: ObtainedLock;
  /** What an earlier build left elsewhere. */
  readonly recorded?: RecordedBuild;
  readonly locateDebs: Locate;
  /** Of an image of a registry. */
  readonly accounts?: () => Promise<Accounts>;
  /** The Python part settled and the base opened, for one platform. */
  readonly choose: (platform: Platform) => Promise<ChosenPackages>;
};

/** Enough for what follows to be decided without network. */
export async function openProject(settings: ProjectSettings, project: Project, session: Session) {
  const { bench } = session;
  const { definition, context } = project.loaded;
  const inputs =
    definition.python === undefined
      ? undefined
      : await readPythonInputs(definition.python, context.root, bench.env);
  const index = openIndex(
    {
      root: context.root,
      layers: inputs?.layers ?? [],
      extraIndexUrls: settings.extraIndexUrls,
      ...(settings.indexUrl !== undefined && { indexUrl: settings.indexUrl }),
      ...(project.debianMirror !== undefined && { debianMirror: project.debianMirror }),
    },
    session,
  );
  return { project, inputs, index };
}

export type OpenedProject = Awaited<ReturnType<typeof openProject>>;

export function lockRequest(settings: ProjectSettings, { project, inputs }: OpenedProject): LockRequest {
  const { loaded, platforms, lockPath, debianMirror } = project;
  return {
    definition: loaded.definition,
    inputs,
    platforms,
    root: loaded.context.root,
    lockPath,
    locked: settings.locked,
    upgrade: settings.upgrade,
    pull: settings.pull,
    now: new Date(),
    ...(debianMirror !== undefined && { debianMirror }),
  };
}

/** Opens the project for `work`, on another base where it was left open: see `withBase`. */
export async function withOpenProject<Settings extends ProjectSettings, T>(
  settings: Settings,
  project: Project,
  session: Session,
  work: (settings: Settings, opened: OpenedProject) => Promise<T>,
): Promise<T> {
  const { loaded, debianMirror } = project;
  const { isBaseSet } = loaded.settings;
  const { base } = loaded.definition;
  const locked = await lockedBase(settings, project, undefined, session);
  return withBase(
    { base, isBaseSet, debianMirror, python: loaded.python, locked, whose: ownerOf(IMAGE) },
    async (from) => {
      const its = from === undefined ? settings : { ...settings, base: from };
      const used = from === undefined ? project : await loadProject(its);
      return work(its, await openProject(its, used, session));
    },
    session.bench,
  );
}

const IMAGE = { name: "image", isImage: true };

/** The image of a registry that the lock has as a base, unless all is to be chosen anew. */
export async function lockedBase(
  { upgrade }: Pick<ProjectSettings, "upgrade">,
  { lockPath }: Project,
  stage: string | undefined,
  { bench }: Session,
): Promise<string | undefined> {
  if (upgrade === true) return undefined;
  const lock = await readLockFile(lockPath, bench);
  return (stage === undefined ? lock : lock?.stages?.[stage])?.base?.reference;
}

/** Settles what to install. */
export async function prepare(
  settings: ProjectSettings,
  project: Project,
  session: Session,
  recordedFor?: (project: Project) => Promise<RecordedBuild | undefined>,
): Promise<Prepared> {
  return withOpenProject(settings, project, session, async (its, opened) =>
    settle(its, opened, session, await recordedFor?.(opened.project)),
  );
}

/** What is installed: of Python what a lock of the project's own says, if there is one. */
export function installedLock({ inputs, locked }: Pick<Prepared, "inputs" | "locked">) {
  const { base, debian, python: own } = locked.lock;
  const python = inputs?.kind === "lock" ? inputs.lock : own;
  return {
    ...(base !== undefined && { base }),
    ...(debian !== undefined && { debian }),
    ...(python !== undefined && { python }),
  };
}

async function settle(
  settings: ProjectSettings,
  opened: OpenedProject,
  session: Session,
  recorded: RecordedBuild | undefined,
): Promise<Prepared> {
  const { project, inputs, index } = opened;
  const locked = await obtainLock(
    { ...lockRequest(settings, opened), ...(recorded && { recorded: () => recorded.lock() }) },
    index,
    session.bench,
  );
  assertPython(project, locked.lock);
  if (locked.outdatesFile) {
    const message =
      "cambium.lock does not fit the project any more; its choices were kept where they can be (cambium lock writes it anew)";
    session.bench.emit({ type: "notice", message });
  }
  const { definition } = project.loaded;
  return {
    project,
    inputs,
    locked,
    ...(recorded !== undefined && { recorded }),
    locateDebs: locateDebs(project.debianMirror, locked.lock),
    choose: (platform) =>
      choosePackages({ definition, inputs, lock: locked.lock, index, platform }, session.bench),
    ...(locked.lock.base !== undefined && { accounts: baseAccounts(locked.lock.base, project, session) }),
  };
}

/** A computed base was chosen by what the project says of its Python; of an image it is known only now. */
export function assertPython({ loaded, platforms }: Project, lock: CambiumLock): void {
  if (lock.base === undefined || loaded.definition.python === undefined) return;
  for (const platform of platforms) {
    const { version } = pythonTarget(lock, platform);
    const unmet = loaded.pythonStatements.find((it) => !meetsStatement(version, it));
    // .python-version is for the developer's machine, and a base that was named comes before it.
    if (unmet === undefined || (unmet.kind === "pin" && loaded.settings.isBaseSet)) continue;
    throw usageError(
      "PYTHON_UNAVAILABLE",
      `base ${lock.base.reference} has Python ${version}, which ${JSON.stringify(unmet.value)} (${unmet.where}) does not allow`,
      "Choose a base with a Python that the project allows, or allow this one there.",
    );
  }
}

/** Of the first platform: a name means the same number on all, or the images would differ in more than machine code. */
function baseAccounts(base: LockedBase, { platforms }: Project, { bench }: Session) {
  return async (): Promise<Accounts> => {
    const { openBaseImage } = await import("../solve/base-image.ts");
    const { facts } = await openBaseImage(base, platforms[0]!, bench);
    return new Map(facts.accounts.map(({ name, uid, gid }) => [name, { uid, gid }]));
  };
}
