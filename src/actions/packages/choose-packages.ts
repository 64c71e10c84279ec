import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { debUrls } from "../../ecosystems/debian/mirror.ts";
import type { ChosenWheel } from "../../ecosystems/python/lock.ts";
import type { Definition } from "../../graph/definition.ts";
import type { SegmentId } from "../../layer/segment.ts";
import type { Platform } from "../../platform.ts";
import type { IndexAccess } from "../../solve/index-access.ts";
import { mirrorsOf } from "../../solve/mirrors.ts";
import type { PythonInputs } from "../../solve/python-inputs.ts";
import { baseName, interpreterOf, pythonTarget } from "../../solve/python-target.ts";
import type { Locate } from "../../solve/segments.ts";
import type { SnapshotRequest } from "../../solve/snapshot.ts";
import type { Workbench } from "../../solve/workbench.ts";

/** What the lock comes to for one platform. */
export type ChosenPackages = Pick<SnapshotRequest, "wheels" | "interpreter" | "locateWheels" | "base">;

export type ChooseRequest = {
  readonly definition: Definition;
  /** A lock of the project's own comes before ours. */
  readonly inputs: PythonInputs | undefined;
  readonly lock: CambiumLock;
  readonly index: IndexAccess;
  readonly platform: Platform;
};

/**
 * Settles the Python part for one platform and opens the base.
 * @throws CambiumError as `chooseWheels`, `pythonTarget` and `openBaseImage`.
 */
export async function choosePackages(request: ChooseRequest, bench: Workbench): Promise<ChosenPackages> {
  const { lock, platform } = request;
  const python = await choosePython(request, bench);
  if (lock.base === undefined) return python;
  const { openBaseImage } = await import("../../solve/base-image.ts");
  return { ...python, base: await openBaseImage(lock.base, platform, bench) };
}

/** Where .debs are, asked when one is missing. */
export function locateDebs(debianMirror: string | undefined, lock: CambiumLock): Locate {
  return async (absent) => {
    if (absent.length === 0) return new Map();
    const mirrors = mirrorsOf({ ...(debianMirror !== undefined && { debianMirror }) });
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
  { definition, inputs, lock, index, platform }: ChooseRequest,
  bench: Workbench,
): Promise<ChosenPackages> {
  const python = inputs?.kind === "lock" ? inputs.lock : lock.python;
  if (definition.python === undefined || python === undefined) {
    return { wheels: [], locateWheels: () => async () => new Map() };
  }
  // Certificates and proxies of the index settings must be known before the first download.
  await index.prepareDownloads([]);
  const { chooseWheels } = await import("../../ecosystems/python/choice/choose.ts");
  const target = pythonTarget(lock, platform);
  const { extras, groups } = definition.python;
  const { chosen, notices } = await chooseWheels(
    python,
    target,
    { extras, ...(groups.length > 0 && { groups }) },
    {
      where: inputs?.kind === "lock" ? inputs.where : "cambium.lock",
      base: baseName(lock.base, lock.debian),
      nearestWithWheel: async (name) => {
        const { nearestWithWheel } = await import("../../ecosystems/python/uv/nearest.ts");
        const { settings, tools } = await index.forResolving();
        return nearestWithWheel(name, target, settings, tools);
      },
    },
  );
  for (const message of notices) bench.emit({ type: "notice", message });
  return {
    wheels: chosen,
    interpreter: { version: target.version, path: interpreterOf(lock, platform) },
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
    const { locateArchives } = await import("../../ecosystems/python/uv/locate.ts");
    const places = await locateArchives(placeless, settings, tools);
    return new Map(
      absent.flatMap(({ id, archive }): [SegmentId, string[]][] => {
        const place = places.get(archive.name);
        return place === undefined ? [] : [[id, [place.url]]];
      }),
    );
  };
}
