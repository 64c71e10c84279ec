import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { usageError } from "../../../errors.ts";
import type { UniversalDistribution, UniversalLock } from "../choice/universal-lock.ts";
import type { DirectUrl, LockedArchive } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { redact } from "../standards/cursor.ts";
import {
  type EnvironmentGrid,
  type EnvironmentMask,
  environmentGrid,
  markerOf,
  maskOf,
} from "../standards/environment-grid.ts";
import { type Marker, type MarkerSelection, parseMarker } from "../standards/marker.ts";
import { parseSpecifier } from "../standards/specifier.ts";
import { normalizeVersion } from "../standards/version.ts";
import { type ArchivePlace, lockedArchive, withoutCredentials } from "./archive.ts";
import { normalizedNames, unknownSelection } from "./selection.ts";
import { checkShape, fieldError, placeOf, readToml, type TomlFile } from "./toml.ts";
import { assertUvFresh, UV_REQUIREMENT } from "./uv-stale.ts";

const SOURCE = z.object({
  registry: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
  git: z.string().optional(),
  directory: z.string().optional(),
  editable: z.string().optional(),
  virtual: z.string().optional(),
});

const ARCHIVE = z.object({
  url: z.string().optional(),
  path: z.string().optional(),
  filename: z.string().optional(),
  hash: z.string().optional(),
  size: z.int().nonnegative().optional(),
});

const DEPENDENCY = z.object({
  name: z.string(),
  version: z.string().optional(),
  source: SOURCE.optional(),
  marker: z.string().optional(),
  extra: z.array(z.string()).optional(),
});
type Dependency = z.output<typeof DEPENDENCY>;

const PACKAGE = z.object({
  name: z.string(),
  version: z.string().optional(),
  source: SOURCE,
  "resolution-markers": z.array(z.string()).optional(),
  dependencies: z.array(DEPENDENCY).optional(),
  "optional-dependencies": z.record(z.string(), z.array(DEPENDENCY)).optional(),
  "dev-dependencies": z.record(z.string(), z.array(DEPENDENCY)).optional(),
  metadata: z
    .object({
      "requires-dist": z.array(UV_REQUIREMENT).optional(),
      "requires-dev": z.record(z.string(), z.array(UV_REQUIREMENT)).optional(),
    })
    .optional(),
  sdist: ARCHIVE.optional(),
  wheels: z.array(ARCHIVE).optional(),
});
type Package = z.output<typeof PACKAGE>;

const UV_LOCK = z.object({
  version: z.int(),
  revision: z.int().optional(),
  "requires-python": z.string().optional(),
  manifest: z
    .object({
      members: z.array(z.string()).optional(),
      requirements: z.array(UV_REQUIREMENT).optional(),
      constraints: z.array(UV_REQUIREMENT).optional(),
      overrides: z.array(UV_REQUIREMENT).optional(),
    })
    .optional(),
  package: z.array(PACKAGE).optional(),
});
export type UvLockFile = z.output<typeof UV_LOCK>;

export type UvLockOptions = {
  /** The root project's extras and groups to install; the `dev` group only when named. */
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** Text of the project's `pyproject.toml`: names the root, and the lock must be fresh for it. */
  readonly pyproject?: string;
  /** Absolute directory of the lock file, where relative paths begin. */
  readonly directory?: string;
};

/**
 * Reads `uv.lock` (version 1, any revision) for a project with some of its extras and groups: what the root needs, with
 * a marker per release that holds just where some way from the root leads to it. The result is for CPython on Linux;
 * what only other systems need is left out. The root project itself is left out.
 * @throws CambiumError `LOCK_STALE`, `LOCK_SYNTAX`, `LOCK_VERSION`, `LOCK_FIELD`, `LOCK_SELECTION` for an unknown extra
 * or group, `MARKER_SYNTAX`.
 */
export function readUvLock(text: string, where: string, asked: UvLockOptions): UniversalLock {
  const options = normalizedNames(asked);
  const file = readToml(text, where);
  if (file.table.version !== 1) {
    throw usageError(
      "LOCK_VERSION",
      `${where}: version ${JSON.stringify(file.table.version) ?? "missing"}, where Cambium reads version 1`,
      "Write the lock with a uv that has version 1, or export it: uv export --format pylock.toml -o pylock.toml.",
    );
  }
  const lock = checkShape(file, UV_LOCK, "Run `uv lock` to write the file anew.");
  const reader = newReader(file, lock, options);
  const root = findRoot(reader);
  if (options.pyproject !== undefined) assertUvFresh(lock, root, options.pyproject, where);
  const masks = reachable(reader, root);
  const distributions: UniversalDistribution[] = [];
  for (const [index, entry] of reader.packages.entries()) {
    const mask = masks.get(entry) ?? 0n;
    // A virtual package stands for its dependencies only.
    if (mask === 0n || entry === root || entry.source.virtual !== undefined) continue;
    distributions.push(
      readPackage(entry, markerOf(reader.grid, mask), {
        file,
        path: ["package", index],
        directory: options.directory,
      }),
    );
  }
  const requiresPython = lock["requires-python"];
  return { ...(requiresPython === undefined ? {} : { requiresPython }), distributions };
}

type Reader = {
  readonly file: TomlFile;
  readonly lock: UvLockFile;
  readonly packages: readonly Package[];
  readonly byName: ReadonlyMap<string, readonly Package[]>;
  readonly grid: EnvironmentGrid;
  readonly options: UvLockOptions;
  /** Where a marker's text holds. */
  readonly mask: (marker: string | undefined) => EnvironmentMask;
};

function newReader(file: TomlFile, lock: UvLockFile, options: UvLockOptions): Reader {
  const packages = lock.package ?? [];
  const byName = new Map<string, Package[]>();
  const markers = new Map<string, Marker>();
  const note = (text: string | undefined) => {
    if (text !== undefined && !markers.has(text)) markers.set(text, parseMarker(text, file.where));
  };
  for (const entry of packages) {
    byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry]);
    const lists = [entry.dependencies, ...Object.values(entry["optional-dependencies"] ?? {})];
    for (const list of [...lists, ...Object.values(entry["dev-dependencies"] ?? {})]) {
      for (const dependency of list ?? []) note(dependency.marker);
    }
    for (const marker of entry["resolution-markers"] ?? []) note(marker);
  }
  for (const requirement of lock.manifest?.requirements ?? []) note(requirement.marker);
  const requiresPython = parseSpecifier(lock["requires-python"] ?? "", `${file.where}: requires-python`);
  const grid = environmentGrid([...markers.values()], [requiresPython]);
  const selection = conflictSelection(packages, options);
  const known = new Map<string, EnvironmentMask>();
  const mask = (text: string | undefined) => {
    if (text === undefined) return grid.all;
    const result = known.get(text) ?? maskOf(grid, markers.get(text)!, selection);
    known.set(text, result);
    return result;
  };
  return { file, lock, packages, byName, grid, options, mask };
}

/**
 * Where extras or groups conflict, uv writes into markers which of them is on: `extra == 'extra-8-demo-app-cpu'`, with
 * the length of the project's name in front of it. Of several workspace members only the root's are asked for, and
 * every member's own names are tried, since no two members may conflict with themselves.
 */
function conflictSelection(packages: readonly Package[], options: UvLockOptions): MarkerSelection {
  const extras: string[] = [];
  for (const { name, source } of packages) {
    if (source.editable === undefined && source.virtual === undefined && source.directory === undefined)
      continue;
    extras.push(`project-${name.length}-${name}`);
    for (const extra of options.extras) extras.push(`extra-${name.length}-${name}-${extra}`);
    for (const group of options.groups) extras.push(`group-${name.length}-${name}-${group}`);
  }
  return { extras, groups: [] };
}

/** The project that the lock is for; nothing for a script's lock, which lists its requirements itself. */
function findRoot({ lock, packages, file, options }: Reader): Package | undefined {
  const name = options.pyproject === undefined ? undefined : projectName(options.pyproject, file);
  const isHere = (path: string | undefined) => path === ".";
  const isRoot = ({ source }: Package) =>
    isHere(source.editable) || isHere(source.virtual) || isHere(source.directory);
  const root = packages.find((entry) =>
    name === undefined ? isRoot(entry) : entry.name === name && isLocal(entry),
  );
  if (root !== undefined || lock.manifest?.requirements !== undefined) return root;
  throw usageError(
    "LOCK_STALE",
    name === undefined
      ? `${file.where}: no project of this directory is in it; members: ${lock.manifest?.members?.join(", ") ?? "none"}`
      : `${file.where}: the project ${name} is not in it`,
    "Run `uv lock`, or build in the directory of the member that you mean.",
  );
}

function isLocal({ source }: Package): boolean {
  return source.editable !== undefined || source.virtual !== undefined || source.directory !== undefined;
}

function projectName(pyproject: string, file: TomlFile): string | undefined {
  const project = readToml(pyproject, join(dirname(file.where), "pyproject.toml")).table.project;
  const name =
    typeof project === "object" && project !== null && "name" in project ? project.name : undefined;
  return typeof name === "string" ? parseProjectName(name, "pyproject.toml: project.name") : undefined;
}

/** Walks from the root and adds up, for each package, where it is needed. Masks only grow, so cycles come to an end. */
function reachable(reader: Reader, root: Package | undefined): Map<Package, EnvironmentMask> {
  const { mask: maskOfText, options, lock } = reader;
  const nodes = new Map<Package, Map<string, EnvironmentMask>>();
  const queue: { entry: Package; extra: string }[] = [];
  const reach = (entry: Package, extra: string, mask: EnvironmentMask) => {
    const masks = nodes.get(entry) ?? new Map<string, EnvironmentMask>();
    nodes.set(entry, masks);
    const before = masks.get(extra) ?? 0n;
    if ((before | mask) === before) return;
    masks.set(extra, before | mask);
    queue.push({ entry, extra });
  };
  const follow = (list: readonly Dependency[], mask: EnvironmentMask) => {
    for (const dependency of list) {
      const where = mask & maskOfText(dependency.marker);
      if (where === 0n) continue;
      const entry = findPackage(reader, dependency);
      for (const extra of ["", ...(dependency.extra ?? [])]) reach(entry, extra, where);
    }
  };
  if (root !== undefined) {
    for (const extra of ["", ...options.extras]) {
      if (extra !== "" && root["optional-dependencies"]?.[extra] === undefined)
        assertKnownExtra(reader, root, extra);
      reach(root, extra, reader.grid.all);
    }
    for (const group of options.groups) follow(groupOf(reader, root, group), reader.grid.all);
  } else {
    for (const { name, marker, extras } of lock.manifest?.requirements ?? []) {
      for (const entry of reader.byName.get(name) ?? []) {
        const forks = entry["resolution-markers"] ?? [];
        const fork =
          forks.length === 0 ? reader.grid.all : forks.reduce((sum, text) => sum | maskOfText(text), 0n);
        for (const extra of ["", ...(extras ?? [])]) reach(entry, extra, maskOfText(marker) & fork);
      }
    }
  }
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    const { entry, extra } = node;
    const list = extra === "" ? entry.dependencies : entry["optional-dependencies"]?.[extra];
    follow(list ?? [], nodes.get(entry)!.get(extra)!);
  }
  return new Map([...nodes].map(([entry, masks]) => [entry, masks.get("") ?? 0n]));
}

function assertKnownExtra({ file }: Reader, root: Package, extra: string): void {
  const known = new Set(Object.keys(root["optional-dependencies"] ?? {}));
  // An extra that adds nothing stands in the metadata only.
  for (const { marker } of root.metadata?.["requires-dist"] ?? []) {
    for (const match of marker?.matchAll(/extra == '([^']+)'/g) ?? []) known.add(match[1]!);
  }
  if (!known.has(extra)) throw unknownSelection(file.where, "extra", extra, [...known]);
}

function groupOf({ file }: Reader, root: Package, group: string): readonly Dependency[] {
  const groups = root["dev-dependencies"] ?? {};
  const known = groups[group] ?? (root.metadata?.["requires-dev"]?.[group] === undefined ? undefined : []);
  if (known !== undefined) return known;
  throw unknownSelection(file.where, "group", group, Object.keys(groups));
}

function findPackage({ byName, file, packages }: Reader, dependency: Dependency): Package {
  const fits = (byName.get(dependency.name) ?? []).filter((entry) => {
    if (dependency.version !== undefined && entry.version !== dependency.version) return false;
    return dependency.source === undefined || sourceText(entry.source) === sourceText(dependency.source);
  });
  const [only, second] = fits;
  if (only !== undefined && second === undefined) return only;
  const path = only === undefined ? [] : ["package", packages.indexOf(only)];
  const count = only === undefined ? "no entry" : `${fits.length} entries`;
  throw fieldError(
    file,
    path,
    `${count} for the dependency ${dependency.name}`,
    "Run `uv lock` to write the file anew.",
  );
}

function sourceText(source: z.output<typeof SOURCE>): string {
  return Object.entries(source).flat().join(" ");
}

function readPackage(entry: Package, marker: string | undefined, place: ArchivePlace): UniversalDistribution {
  const name = parseProjectName(entry.name, placeOf(place.file, place.path));
  const { source } = entry;
  const at = (...rest: PropertyKey[]): ArchivePlace => ({ ...place, path: [...place.path, ...rest] });
  const wheels = (entry.wheels ?? []).map((wheel, i) => readArchive(entry, wheel, at("wheels", i)));
  const sdist = entry.sdist === undefined ? undefined : readArchive(entry, entry.sdist, at("sdist"));
  const index = source.registry === undefined ? undefined : withoutCredentials(source.registry);
  const needsBuild = wheels.length > 0 ? undefined : sourceTree(source);
  return {
    name,
    // A local project with a dynamic version has none in the lock.
    version: entry.version === undefined ? "0" : normalizeVersion(entry.version, place.file.where),
    ...(marker === undefined ? {} : { marker }),
    wheels,
    ...(sdist === undefined ? {} : { sdist }),
    ...(source.url === undefined || wheels[0] === undefined ? {} : { directUrl: directUrl(wheels[0]) }),
    ...(index === undefined ? {} : { index }),
    ...(needsBuild === undefined ? {} : { needsBuild }),
  };
}

function readArchive(entry: Package, archive: z.output<typeof ARCHIVE>, place: ArchivePlace): LockedArchive {
  const { source } = entry;
  const algorithm = archive.hash?.split(":", 1)[0] ?? "none";
  const hashes = archive.hash === undefined ? {} : { [algorithm]: archive.hash.slice(algorithm.length + 1) };
  // A registry that is a folder has its files below it; a path source is the file itself.
  const folder = source.registry !== undefined && index(source.registry) === undefined ? source.registry : "";
  const path = archive.path === undefined ? source.path : join(folder, archive.path);
  const url = archive.url ?? (path === undefined ? source.url : undefined);
  return lockedArchive(
    {
      hashes,
      ...(archive.filename === undefined ? {} : { name: archive.filename }),
      ...(url === undefined ? {} : { url }),
      ...(path === undefined || url !== undefined ? {} : { path: resolve(place.directory ?? "/", path) }),
      ...(archive.size === undefined ? {} : { size: archive.size }),
    },
    place,
  );
}

function index(registry: string): string | undefined {
  return withoutCredentials(registry);
}

function directUrl(archive: LockedArchive): DirectUrl {
  return { url: archive.url ?? "", archive_info: { hashes: { sha256: archive.sha256.slice(7) } } };
}

function sourceTree(source: z.output<typeof SOURCE>): string | undefined {
  if (source.git !== undefined) return `git+${redact(source.git)}`;
  if (source.url !== undefined) return `archive ${redact(source.url)}`;
  const path = source.path ?? source.directory ?? source.editable;
  return path === undefined ? undefined : `directory ${path}`;
}
