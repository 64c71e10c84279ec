import type { SharedObject } from "../../../layer/segment.ts";
import type { Platform } from "../../../platform.ts";
import { isGivenLibrary } from "../../linux/given-libraries.ts";
import { linkage } from "../../linux/linkage.ts";
import { isExtensionModule } from "./extension-modules.ts";

/** A wheel as it is in the image. */
export type InstalledWheel = {
  /** As the index calls it. */
  readonly filename: string;
  readonly paths: readonly string[];
  /** Absent where they are not known. */
  readonly sharedObjects?: readonly SharedObject[];
};

/** Where wheels are loaded. */
export type LoadingPlace = {
  readonly architecture: Platform["architecture"];
  /** `Y` of Python 3.Y. */
  readonly minor: number;
  /** File names of all libraries that are no wheel's. */
  readonly libraries: ReadonlySet<string>;
};

/** A wheel of which extension modules cannot be imported. */
export type Unloadable = {
  readonly filename: string;
  /** Paths of the modules, in the order of the wheel. */
  readonly modules: readonly string[];
  /** How many modules it has for this place. */
  readonly moduleCount: number;
  /** Names of libraries that neither the place nor any wheel has, sorted. */
  readonly missing: readonly string[];
};

/**
 * Wheels with extension modules that the place cannot load. Only extension modules count: a wheel may have plug-ins that
 * nobody loads. What is not known counts as whole: a wheel without a reading, a file that no reading came of.
 */
export function unloadableWheels(wheels: readonly InstalledWheel[], place: LoadingPlace): Unloadable[] {
  const { architecture, minor, libraries } = place;
  const here = wheels.map(({ sharedObjects = [] }) =>
    sharedObjects.filter((object) => object.architecture === architecture),
  );
  const unread = new Set(wheels.flatMap(unreadNames));
  const isElsewhere = (name: string) => libraries.has(name) || unread.has(name) || isGivenLibrary(name);
  const { canLoad, missing } = linkage(here.flat(), isElsewhere);
  return wheels.flatMap(({ filename, paths, sharedObjects }, i): Unloadable[] => {
    if (sharedObjects === undefined) return [];
    const failing = here[i]!.filter((object) => !canLoad(object) && isExtensionModule(object.path, minor));
    if (failing.length === 0) return [];
    const read = new Map(sharedObjects.map((object) => [object.path, object]));
    const modules = paths.filter((path) => {
      if (!isExtensionModule(path, minor)) return false;
      const object = read.get(path);
      return object === undefined || object.architecture === architecture;
    });
    return [
      {
        filename,
        modules: failing.map(({ path }) => path),
        moduleCount: modules.length,
        missing: missing(failing),
      },
    ];
  });
}

/** Names of libraries that are there, though nothing is known of what they need. */
function unreadNames({ paths, sharedObjects = [] }: InstalledWheel): string[] {
  const read = new Set(sharedObjects.map(({ path }) => path));
  return paths
    .filter((path) => path.includes(".so") && !read.has(path))
    .map((path) => path.slice(path.lastIndexOf("/") + 1));
}
