import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import { debUrls } from "../ecosystems/debian/mirror.ts";
import type { ChosenWheel } from "../ecosystems/python/lock.ts";
import type { Credentials } from "../fetch/settings.ts";
import type { SegmentId } from "../layer/segment.ts";
import type { Platform } from "../platform.ts";
import { createIndexAccess, type IndexAccess } from "../solve/index-access.ts";
import { type LockRequest, mirrorsOf, type ObtainedLock, obtainLock, pythonTarget } from "../solve/lock.ts";
import { type PythonInputs, readPythonInputs } from "../solve/python-inputs.ts";
import type { Locate } from "../solve/segments.ts";
import type { SnapshotRequest } from "../solve/snapshot.ts";
import { loadProject, type Project } from "./project.ts";
import type { Session } from "./session.ts";
import type { ProjectSettings } from "./settings.ts";

/** A project read and locked: from here on `plan` and `build` differ. */
export type Prepared = {
  readonly project: Project;
  readonly inputs: PythonInputs | undefined;
  readonly locked: ObtainedLock;
  readonly locateDebs: Locate;
  /** The Python part settled for one platform. */
  readonly choose: (
    platform: Platform,
  ) => Promise<Pick<SnapshotRequest, "wheels" | "pythonVersion" | "locateWheels">>;
};

/** Reads the project; enough for what follows to be decided without network. */
export async function openProject(settings: ProjectSettings, session: Session) {
  const { bench } = session;
  const project = await loadProject(settings);
  const { definition, context } = project.loaded;
  const inputs =
    definition.python === undefined
      ? undefined
      : await readPythonInputs(definition.python, context.root, bench.env);
  const index = createIndexAccess(
    {
      root: context.root,
      layers: inputs?.layers ?? [],
      extraIndexUrls: settings.extraIndexUrls,
      ...(settings.indexUrl !== undefined && { indexUrl: settings.indexUrl }),
      onOpen: ({ caFile, proxy }, credentials) => {
        session.http.credentials = (url): Credentials | undefined => credentials.credentialsFor(url);
        // pip and uv have settings for what other programs take from the environment.
        if (caFile !== undefined) session.http.env.SSL_CERT_FILE = caFile;
        if (proxy !== undefined) session.http.env.HTTPS_PROXY = proxy;
      },
      fallbackInterpreter: async () => {
        const { debianInterpreter } = await import("../solve/debian-interpreter.ts");
        return debianInterpreter(mirrorsOf(project), bench);
      },
    },
    bench,
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
    now: new Date(),
    ...(debianMirror !== undefined && { debianMirror }),
  };
}

/** Reads the project and settles what to install. */
export async function prepare(settings: ProjectSettings, session: Session): Promise<Prepared> {
  const opened = await openProject(settings, session);
  const { project, inputs, index } = opened;
  const locked = await obtainLock(lockRequest(settings, opened), index, session.bench);
  if (locked.outdatesFile) {
    const message =
      "cambium.lock does not fit the project any more; its choices were kept where they can be (cambium lock writes it anew)";
    session.bench.emit({ type: "notice", message });
  }
  return {
    project,
    inputs,
    locked,
    locateDebs: locateDebs(project, locked.lock),
    choose: (platform) => choosePython({ project, inputs, lock: locked.lock, index, platform }, session),
  };
}

function locateDebs(project: Project, lock: CambiumLock): Locate {
  return async (absent) => {
    if (absent.length === 0) return new Map();
    const mirrors = mirrorsOf(project);
    const debs = Object.values(lock.debian?.targets ?? {}).flat();
    const byDigest = new Map(debs.map((deb) => [deb.sha256, deb]));
    return new Map(
      absent.map(({ id, archive }): [SegmentId, string[]] => {
        const deb = byDigest.get(archive.digest);
        return [id, deb === undefined ? [] : debUrls(deb, mirrors)];
      }),
    );
  };
}

async function choosePython(
  input: {
    readonly project: Project;
    readonly inputs: PythonInputs | undefined;
    readonly lock: CambiumLock;
    readonly index: IndexAccess;
    readonly platform: Platform;
  },
  { bench }: Session,
): ReturnType<Prepared["choose"]> {
  const { inputs, lock, platform, index } = input;
  const { definition } = input.project.loaded;
  const python = inputs?.kind === "lock" ? inputs.lock : lock.python;
  if (definition.python === undefined || python === undefined) {
    return { wheels: [], locateWheels: () => async () => new Map() };
  }
  // Certificates and proxies of the index settings must be known before the first download.
  await index.prepareDownloads([]);
  const { chooseWheels } = await import("../ecosystems/python/choice/choose.ts");
  const target = pythonTarget(lock, definition, platform);
  const { extras, groups } = definition.python;
  const { chosen, notices } = await chooseWheels(
    python,
    target,
    { extras, ...(groups.length > 0 && { groups }) },
    {
      where: inputs?.kind === "lock" ? inputs.where : "cambium.lock",
      nearestWithWheel: async (name) => {
        const { nearestWithWheel } = await import("../ecosystems/python/uv/nearest.ts");
        const { settings, tools } = await index.forResolving();
        return nearestWithWheel(name, target, settings, tools);
      },
    },
  );
  for (const message of notices) bench.emit({ type: "notice", message });
  return {
    wheels: chosen,
    pythonVersion: shortVersion(target.version),
    locateWheels: (all) => locateWheels(all, index),
  };
}

/** A lock may name files without saying where they are; and credentials are read before the first download. */
function locateWheels(wheels: readonly ChosenWheel[], index: IndexAccess): Locate {
  return async (absent) => {
    if (absent.length === 0) return new Map();
    await index.prepareDownloads(absent.flatMap(({ archive }) => archive.urls));
    const wanted = new Set(
      absent.filter(({ archive }) => archive.urls.length === 0).map(({ archive }) => archive.digest),
    );
    const placeless = wheels.filter(({ wheel }) => wanted.has(wheel.sha256));
    if (placeless.length === 0) return new Map();
    const { settings, tools } = await index.forResolving();
    const { locateArchives } = await import("../ecosystems/python/uv/locate.ts");
    const places = await locateArchives(placeless, settings, tools);
    return new Map(
      absent.flatMap(({ id, archive }): [SegmentId, string[]][] => {
        const place = places.get(archive.name);
        return place === undefined ? [] : [[id, [place.url]]];
      }),
    );
  };
}

/** `3.11.2` → `3.11`. */
function shortVersion(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
