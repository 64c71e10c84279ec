import { librariesOf } from "../ecosystems/linux/libraries.ts";
import {
  type InstalledWheel,
  type Unloadable,
  unloadableWheels,
} from "../ecosystems/python/base/unloadable.ts";
import { CambiumError } from "../errors.ts";
import type { Segment } from "../layer/segment.ts";
import { formatPlatform } from "../platform.ts";
import { baseName } from "./python-target.ts";
import type { PackageSnapshot, SnapshotRequest } from "./snapshot.ts";
import type { Workbench } from "./workbench.ts";

/** An image whose packages are known, and of which no layer was read, written or sent. */
export type LoadRequest = Omit<SnapshotRequest, "locateDebs" | "locateWheels">;

/** Names in one message: what is one package's want is often many modules'. */
const MAX_SHOWN = 8;

/**
 * Refuses wheels of which no extension module finds its libraries in the image; those of which some do not are a
 * warning each, since most images do without.
 * @param files the project's own, which may bring libraries too
 * @throws CambiumError `BASE_LIBRARY`.
 */
export function assertLoadable(
  request: LoadRequest,
  packages: PackageSnapshot,
  files: readonly Segment[],
  { emit }: Pick<Workbench, "emit">,
): void {
  const { platform, wheels, interpreter } = request;
  const objects = packages.wheels.flatMap(({ sharedObjects = [] }) => sharedObjects);
  if (interpreter === undefined || objects.length === 0) return;
  // Segments stand in the order of their wheels.
  const installed = packages.wheels.map(({ entries, sharedObjects }, i): InstalledWheel => {
    const paths = entries.map(({ path }) => path);
    return { filename: wheels[i]!.wheel.filename, paths, ...(sharedObjects && { sharedObjects }) };
  });
  const runpaths = objects.flatMap(({ runpath }) => runpath);
  const found = unloadableWheels(installed, {
    architecture: platform.architecture,
    minor: Number(interpreter.version.split(".")[1]),
    libraries: new Set([
      ...baseLibraries(request, runpaths),
      ...[...packages.debian, ...packages.generated, ...files].flatMap(libraryNames),
    ]),
  });
  const refused = found.filter(isWhole);
  if (refused.length > 0) {
    const where = `${baseName(request.base, request.lock.debian)} for ${formatPlatform(platform)}`;
    throw new CambiumError("BASE_LIBRARY", `${where} cannot take ${shown(refused.map(needs), "; ")}`, {
      hint: "Add the packages that have these libraries (apt:), or take a base that has them.",
    });
  }
  for (const { filename, modules, moduleCount, missing } of found) {
    const count = `${modules.length} of ${moduleCount}`;
    const which = shown(modules.map((path) => path.slice(path.lastIndexOf("/") + 1)));
    emit({
      type: "warning",
      code: "LIBRARY_MISSING",
      message: `${filename}: ${count} extension modules will not load, for want of ${shown(missing)}: ${which}`,
      hint: "If they are used, add the packages that have these libraries (apt:), or take a base that has them.",
    });
  }
}

function isWhole({ modules, moduleCount }: Unloadable): boolean {
  return modules.length === moduleCount;
}

function needs({ filename, missing }: Unloadable): string {
  return `${filename}: needs ${shown(missing)}`;
}

function shown(names: readonly string[], separator = ", "): string {
  const more = names.length > MAX_SHOWN ? `${separator}and ${names.length - MAX_SHOWN} more` : "";
  return `${names.slice(0, MAX_SHOWN).join(separator)}${more}`;
}

/**
 * What the loader finds in an image of a registry: in its own folders, in those of LD_LIBRARY_PATH, beside its
 * interpreter, and in absolute folders that a wheel names, as `/usr/local/cuda/lib64`.
 */
function baseLibraries({ definition, platform, base }: LoadRequest, runpaths: readonly string[]): string[] {
  if (base === undefined) return [];
  const ours = definition.config.env.filter(([name]) => name === "LD_LIBRARY_PATH").map(([, value]) => value);
  const prefixes = base.facts.interpreters.map(({ prefix }) => `/${prefix}/lib`);
  const folders = [...ours, ...prefixes, ...runpaths].join(":");
  return [...base.facts.libraries, ...librariesOf(base.tree, platform.architecture, folders)];
}

/**
 * Wherever they lie: a package may add its folder to ld.so.conf, a project to LD_LIBRARY_PATH, and to read which takes
 * bytes that need not be here.
 */
function libraryNames({ entries }: Segment): string[] {
  return entries
    .filter(({ type }) => type !== "directory")
    .map(({ path }) => path.slice(path.lastIndexOf("/") + 1))
    .filter((name) => name.includes(".so"));
}
