import { z } from "zod";
import { usageError } from "../../../errors.ts";
import type { NormalizedName } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import {
  type EnvironmentGrid,
  type EnvironmentMask,
  environmentGrid,
  markerOf,
  maskOf,
} from "../standards/environment-grid.ts";
import { type Marker, parseMarker } from "../standards/marker.ts";
import { type Specifier, satisfies } from "../standards/specifier.ts";
import { parseVersion, type Version } from "../standards/version.ts";
import { parsePoetryConstraint, pythonMarker, pythonsOf } from "./poetry-constraint.ts";
import {
  POETRY_DEPENDENCIES,
  type POETRY_DEPENDENCY,
  type PoetryLockFile,
  type PoetryLockOptions,
  type PoetryMarkers,
  type PoetryPackage,
} from "./poetry-schema.ts";
import { unknownSelection } from "./selection.ts";
import { checkShape, readToml, type TomlFile } from "./toml.ts";

const GROUP = z.object({ dependencies: POETRY_DEPENDENCIES.optional() });
const PYPROJECT = z.object({
  tool: z.object({
    poetry: z.object({
      dependencies: POETRY_DEPENDENCIES.optional(),
      "dev-dependencies": POETRY_DEPENDENCIES.optional(),
      group: z.record(z.string(), GROUP).optional(),
    }),
  }),
});

/** One way to a project name: the versions that it allows, and when it counts. */
type Edge = {
  readonly name: NormalizedName;
  readonly versions: readonly Specifier[];
  readonly marker: Marker | undefined;
  /** Extras of the project that it leads to. */
  readonly extras: readonly NormalizedName[];
  readonly isOptional: boolean;
};

/** A release of the lock; `from` is what it needs itself. */
type Node = {
  readonly entry: PoetryPackage;
  readonly name: NormalizedName;
  readonly version: Version;
  readonly edges: readonly Edge[];
  /** By extra, the names of the optional dependencies that it turns on. */
  readonly extras: ReadonlyMap<string, readonly NormalizedName[]>;
  readonly python: Marker | undefined;
};

/** Fixed points were reached in two rounds in every lock seen. */
const MAX_ROUNDS = 20;

/**
 * Where each package of a lock before version 2.1 is installed, found by walking from the project's own dependencies.
 * Such a lock names no package for a dependency, only versions that would do: where a name has several releases, one
 * counts in the environments where all that is asked of the name allows it.
 * @throws CambiumError `LOCK_PROJECT`, `LOCK_SELECTION`, `LOCK_FIELD`, `MARKER_SYNTAX`.
 */
export function reachableOld(
  lock: PoetryLockFile,
  file: TomlFile,
  options: PoetryLockOptions,
): PoetryMarkers {
  const nodes = (lock.package ?? []).map((entry) => readNode(entry, file.where));
  const roots = rootEdges(lock, file, options);
  const edges = [...roots, ...nodes.flatMap((node) => node.edges)];
  const markers = [...edges.map(({ marker }) => marker), ...nodes.map(({ python }) => python)];
  const grid = environmentGrid(
    markers.filter((marker) => marker !== undefined),
    pythonsOf(lock, file.where),
  );
  const walk = newWalk(grid, nodes);
  let reached = walk(roots, new Map());
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const allowed = allowedMasks(grid, nodes, reached.demands);
    const next = walk(roots, allowed);
    const isStable = nodes.every((node) => next.masks.get(node) === reached.masks.get(node));
    reached = next;
    if (isStable) break;
  }
  const result: PoetryMarkers = new Map();
  for (const [node, mask] of reached.masks)
    if (mask !== 0n) result.set(node.entry, { text: markerOf(grid, mask) });
  return result;
}

type Reached = {
  readonly masks: Map<Node, EnvironmentMask>;
  /** Where each dependency counts. */
  readonly demands: Map<Edge, EnvironmentMask>;
};
type Visit = { readonly edge: Edge; readonly mask: EnvironmentMask; readonly extra: string };

/** A walk over the lock; `allowed` limits a release to some environments. */
function newWalk(grid: EnvironmentGrid, nodes: readonly Node[]) {
  const byName = Map.groupBy(nodes, ({ name }) => name);
  const pythons = new Map(nodes.map((node) => [node, maskOf(grid, node.python, { extras: [], groups: [] })]));
  const edgeMask = cachedMasks(grid);
  return (roots: readonly Edge[], allowed: ReadonlyMap<Node, EnvironmentMask>): Reached => {
    const byExtra = new Map(nodes.map((node) => [node, new Map<string, EnvironmentMask>()]));
    const demands = new Map<Edge, EnvironmentMask>();
    const queue: Visit[] = roots.map((edge) => ({ edge, mask: grid.all, extra: "" }));
    const reach = (node: Node, extra: string, mask: EnvironmentMask) => {
      const masks = byExtra.get(node)!;
      const before = masks.get(extra) ?? 0n;
      if ((before | mask) === before) return;
      masks.set(extra, before | mask);
      for (const edge of node.edges) {
        if (!edge.isOptional || isTurnedOn(node, edge, extra))
          queue.push({ edge, mask: before | mask, extra });
      }
    };
    for (let visit = queue.pop(); visit !== undefined; visit = queue.pop()) {
      const { edge } = visit;
      const mask = visit.mask & edgeMask(edge, visit.extra);
      if (mask === 0n) continue;
      demands.set(edge, (demands.get(edge) ?? 0n) | mask);
      for (const node of byName.get(edge.name) ?? []) {
        if (!allows(edge, node)) continue;
        const here = mask & (allowed.get(node) ?? grid.all) & pythons.get(node)!;
        for (const extra of ["", ...edge.extras]) reach(node, extra, here);
      }
    }
    return { masks: new Map([...byExtra].map(([node, masks]) => [node, masks.get("") ?? 0n])), demands };
  };
}

function cachedMasks(grid: EnvironmentGrid): (edge: Edge, extra: string) => EnvironmentMask {
  const known = new Map<Edge, Map<string, EnvironmentMask>>();
  return (edge, extra) => {
    const masks = known.get(edge) ?? new Map<string, EnvironmentMask>();
    known.set(edge, masks);
    const mask =
      masks.get(extra) ?? maskOf(grid, edge.marker, { extras: extra === "" ? [] : [extra], groups: [] });
    masks.set(extra, mask);
    return mask;
  };
}

function allows(edge: Edge, node: Node): boolean {
  return edge.versions.some((specifier) => satisfies(node.version, specifier));
}

function isTurnedOn(node: Node, edge: Edge, extra: string): boolean {
  return node.extras.get(extra)?.includes(edge.name) === true;
}

/** For each release of a name that has several: where no demand on the name rules it out. */
function allowedMasks(
  grid: EnvironmentGrid,
  nodes: readonly Node[],
  demands: ReadonlyMap<Edge, EnvironmentMask>,
): Map<Node, EnvironmentMask> {
  const allowed = new Map<Node, EnvironmentMask>();
  const byName = Map.groupBy(nodes, ({ name }) => name);
  for (const [edge, mask] of demands) {
    const releases = byName.get(edge.name) ?? [];
    for (const node of releases.length > 1 ? releases : []) {
      if (!allows(edge, node)) allowed.set(node, (allowed.get(node) ?? grid.all) & ~mask);
    }
  }
  return allowed;
}

function readNode(entry: PoetryPackage, where: string): Node {
  const name = parseProjectName(entry.name, where);
  const extras = new Map<string, NormalizedName[]>();
  for (const [extra, list] of Object.entries(entry.extras ?? {})) {
    extras.set(
      parseProjectName(extra, where),
      list.map((text) => leadingName(text, where)),
    );
  }
  return {
    entry,
    name,
    version: parseVersion(entry.version, where),
    edges: readEdges(entry.dependencies ?? {}, `${where}: ${name}`),
    extras,
    python: markerOfPython(entry["python-versions"], `${where}: ${name}`),
  };
}

function readEdges(dependencies: z.output<typeof POETRY_DEPENDENCIES>, where: string): Edge[] {
  return Object.entries(dependencies).flatMap(([text, value]) => {
    const name = parseProjectName(text, where);
    const list = Array.isArray(value) ? value : [typeof value === "string" ? { version: value } : value];
    return list.map(
      (dependency): Edge => ({
        name,
        // A dependency from a path, URL or repository has no version: whatever is locked will do.
        versions: parsePoetryConstraint(dependency.version ?? "*", `${where}: ${name}`),
        marker: edgeMarker(dependency, `${where}: ${name}`),
        extras: (dependency.extras ?? []).map((extra) => parseProjectName(extra, where)),
        isOptional: dependency.optional === true,
      }),
    );
  });
}

function edgeMarker(
  { python, platform, markers }: z.output<typeof POETRY_DEPENDENCY>,
  where: string,
): Marker | undefined {
  const parts: Marker[] = [];
  const pythonPart = markerOfPython(python, where);
  if (pythonPart !== undefined) parts.push(pythonPart);
  if (platform !== undefined && platform !== "*") {
    const names = platform.split(/\s*\|\|?\s*/).map((name) => {
      return name.startsWith("!=")
        ? `sys_platform != '${name.slice(2).trim()}'`
        : `sys_platform == '${name}'`;
    });
    parts.push(parseMarker(names.join(" or "), where));
  }
  if (markers !== undefined && markers.trim() !== "") parts.push(parseMarker(markers, where));
  return parts.length < 2 ? parts[0] : { kind: "and", parts };
}

function markerOfPython(constraint: string | undefined, where: string): Marker | undefined {
  const text = constraint === undefined ? undefined : pythonMarker(constraint, where);
  return text === undefined ? undefined : parseMarker(text, where);
}

/** `PySocks (>=1.5.6,!=1.5.7)` names pysocks. */
function leadingName(text: string, where: string): NormalizedName {
  return parseProjectName(/^[\w.-]+/.exec(text.trim())?.[0] ?? text, where);
}

function rootEdges(lock: PoetryLockFile, file: TomlFile, options: PoetryLockOptions): Edge[] {
  if (options.pyproject === undefined) {
    throw usageError(
      "LOCK_PROJECT",
      `${file.where}: lock-version ${lock.metadata["lock-version"]} does not say what the project itself needs`,
      "Put its pyproject.toml beside it, or lock again with Poetry 2.",
    );
  }
  const { poetry } = checkShape(readToml(options.pyproject, "pyproject.toml"), PYPROJECT).tool;
  const groups = new Map(
    Object.entries(poetry.group ?? {}).map(([name, group]) => [normalized(name), group.dependencies ?? {}]),
  );
  if (poetry["dev-dependencies"] !== undefined)
    groups.set("dev", { ...groups.get("dev"), ...poetry["dev-dependencies"] });
  const { python: _python, ...main } = poetry.dependencies ?? {};
  const wanted = new Set<string>();
  for (const [extra, names] of Object.entries(lock.extras ?? {})) {
    if (options.extras.includes(normalized(extra)))
      for (const text of names) wanted.add(leadingName(text, file.where));
  }
  const where = "pyproject.toml";
  const edges = readEdges(main, where).filter(({ isOptional, name }) => !isOptional || wanted.has(name));
  for (const group of options.groups) {
    if (group === "main") continue;
    const dependencies = groups.get(group);
    if (dependencies === undefined)
      throw unknownSelection(file.where, "group", group, ["main", ...groups.keys()]);
    edges.push(...readEdges(dependencies, where));
  }
  return edges;
}

function normalized(name: string): string {
  return parseProjectName(name, "pyproject.toml");
}
