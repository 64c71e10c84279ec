import { z } from "zod";
import { usageError } from "../../../errors.ts";
import { parseProjectName } from "../name.ts";
import {
  type EnvironmentGrid,
  type EnvironmentMask,
  environmentGrid,
  maskOf,
} from "../standards/environment-grid.ts";
import { type Marker, parseMarker } from "../standards/marker.ts";
import { parseRequirement } from "../standards/requirement.ts";
import { formatSpecifier, parseSpecifier, satisfies } from "../standards/specifier.ts";
import { withoutCredentials } from "./archive.ts";
import { checkShape, readToml } from "./toml.ts";

/** A requirement as uv writes it into its lock's metadata. */
export const UV_REQUIREMENT = z.object({
  name: z.string(),
  extras: z.array(z.string()).optional(),
  marker: z.string().optional(),
  specifier: z.string().optional(),
  url: z.string().optional(),
  git: z.string().optional(),
  path: z.string().optional(),
  directory: z.string().optional(),
  editable: z.string().optional(),
  virtual: z.string().optional(),
});
type UvRequirement = z.output<typeof UV_REQUIREMENT>;

const UV_SOURCE = z.looseObject({
  git: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
});

const PYPROJECT = z.object({
  project: z
    .object({
      dependencies: z.array(z.string()).optional(),
      "optional-dependencies": z.record(z.string(), z.array(z.string())).optional(),
      "requires-python": z.string().optional(),
      dynamic: z.array(z.string()).optional(),
    })
    .optional(),
  "dependency-groups": z
    .record(z.string(), z.array(z.union([z.string(), z.object({ "include-group": z.string() })])))
    .optional(),
  tool: z
    .object({
      uv: z
        .object({
          "dev-dependencies": z.array(z.string()).optional(),
          "constraint-dependencies": z.array(z.string()).optional(),
          "override-dependencies": z.array(z.union([z.string(), z.looseObject({})])).optional(),
          sources: z.record(z.string(), z.union([UV_SOURCE, z.array(UV_SOURCE)])).optional(),
        })
        .optional(),
    })
    .optional(),
});
type Pyproject = z.output<typeof PYPROJECT>;

type LockPart = {
  readonly "requires-python"?: string | undefined;
  readonly manifest?:
    | {
        members?: string[] | undefined;
        constraints?: UvRequirement[] | undefined;
        overrides?: UvRequirement[] | undefined;
      }
    | undefined;
};
type RootPart = {
  readonly metadata?:
    | {
        "requires-dist"?: UvRequirement[] | undefined;
        "requires-dev"?: Record<string, UvRequirement[]> | undefined;
      }
    | undefined;
};

/** Something asked for, as one text per meaning, where its marker holds. `scope` is what turns it on. */
type Demand = { readonly scope: string; readonly text: string; readonly marker: Marker | undefined };

/**
 * Holds the lock to the demands of `pyproject.toml`. Both sides are compared by meaning, in every environment that
 * Cambium can build for, since uv rewrites markers when it locks; a demand that matters on other systems only does not.
 * @throws CambiumError `LOCK_STALE` with the differences.
 */
export function assertUvFresh(
  lock: LockPart,
  root: RootPart | undefined,
  pyproject: string,
  where: string,
): void {
  // A script's lock, or one written by a uv that kept no metadata.
  if (root?.metadata === undefined) return;
  const file = readToml(pyproject, "pyproject.toml");
  const project = checkShape(file, PYPROJECT);
  const isAlone = (lock.manifest?.members?.length ?? 1) <= 1;
  assertSamePython(lock["requires-python"], project.project?.["requires-python"], isAlone, where);
  const asked = projectDemands(project, isAlone);
  const scopes = new Set(asked.map(({ scope }) => scope));
  const locked = lockDemands(lock, root, asked, scopes, project);
  const markers = [...asked, ...locked].flatMap(({ marker }) => marker ?? []);
  const grid = environmentGrid(markers, [parseSpecifier(lock["requires-python"] ?? "", where)]);
  const [wanted, present] = [maskByDemand(grid, asked), maskByDemand(grid, locked)];
  const differences = new Set<string>();
  for (const [text, mask] of wanted)
    if (present.get(text) !== mask) differences.add(`pyproject.toml asks for ${text}`);
  for (const [text, mask] of present) {
    if (wanted.get(text) !== mask && !differences.has(`pyproject.toml asks for ${text}`)) {
      differences.add(`the lock was made with ${text}`);
    }
  }
  if (differences.size > 0) throw stale(where, [...differences]);
}

function stale(where: string, differences: readonly string[]) {
  const rest = differences.length > 3 ? `; and ${differences.length - 3} more` : "";
  return usageError(
    "LOCK_STALE",
    `${where} does not fit pyproject.toml: ${differences.slice(0, 3).join("; ")}${rest}`,
    "Run `uv lock`, then build again.",
  );
}

function assertSamePython(
  locked: string | undefined,
  asked: string | undefined,
  isAlone: boolean,
  where: string,
): void {
  // Without a demand uv locks for the interpreter that it finds.
  if (locked === undefined || asked === undefined) return;
  const [lockSpecifier, askedSpecifier] = [
    parseSpecifier(locked, where),
    parseSpecifier(asked, "pyproject.toml"),
  ];
  const { versions } = environmentGrid([], [lockSpecifier, askedSpecifier]);
  for (const version of versions) {
    const [isLocked, isAsked] = [satisfies(version, lockSpecifier), satisfies(version, askedSpecifier)];
    // A workspace is locked for the Pythons that all its members share.
    if (isLocked !== isAsked && (isAlone || isLocked)) {
      throw stale(where, [`pyproject.toml requires Python ${asked}`, `the lock was made with ${locked}`]);
    }
  }
}

function maskByDemand(grid: EnvironmentGrid, demands: readonly Demand[]): Map<string, EnvironmentMask> {
  const masks = new Map<string, EnvironmentMask>();
  for (const { scope, text, marker } of demands) {
    const key = scope === "" ? text : `${text} (${scope})`;
    const extras = scope.startsWith("extra ") ? [scope.slice(6)] : [];
    const mask = maskOf(grid, marker, { extras, groups: [] });
    if (mask !== 0n) masks.set(key, (masks.get(key) ?? 0n) | mask);
  }
  return masks;
}

/** Extras are scopes `extra NAME`, groups `group NAME`; what counts always has the scope "". */
function projectDemands(file: Pyproject, isAlone: boolean): Demand[] {
  const demands: Demand[] = [];
  const uv = file.tool?.uv;
  const sources = new Map(
    Object.entries(uv?.sources ?? {}).map(([name, source]) => [normalized(name), source]),
  );
  const add = (scope: string, text: string, where: string) => {
    const { name, extras, specifier, url, marker } = parseRequirement(text, `pyproject.toml: ${where}`);
    const source = sources.get(name);
    const place = Array.isArray(source) ? ANYWHERE : source === undefined ? fromUrl(url) : fromSource(source);
    demands.push({ scope, text: demandText(name, extras, formatSpecifier(specifier), place), marker });
  };
  const dynamic = file.project?.dynamic ?? [];
  if (!dynamic.includes("dependencies")) {
    for (const text of file.project?.dependencies ?? []) add("", text, "project.dependencies");
  }
  if (!dynamic.includes("optional-dependencies")) {
    for (const [extra, list] of Object.entries(file.project?.["optional-dependencies"] ?? {})) {
      for (const text of list) add(`extra ${normalized(extra)}`, text, `optional-dependencies.${extra}`);
    }
  }
  const groups = file["dependency-groups"] ?? {};
  for (const group of Object.keys(groups)) {
    for (const text of groupLines(groups, group, []))
      add(`group ${normalized(group)}`, text, `dependency-groups.${group}`);
  }
  for (const text of uv?.["dev-dependencies"] ?? []) add("group dev", text, "tool.uv.dev-dependencies");
  if (isAlone) {
    for (const text of uv?.["constraint-dependencies"] ?? [])
      add("constraint", text, "tool.uv.constraint-dependencies");
    for (const text of uv?.["override-dependencies"] ?? []) {
      if (typeof text === "string") add("override", text, "tool.uv.override-dependencies");
    }
  }
  return demands;
}

/** The lines of a group with those that it includes (PEP 735). Unknown and circular groups are uv's to report. */
function groupLines(
  groups: NonNullable<Pyproject["dependency-groups"]>,
  group: string,
  above: readonly string[],
): string[] {
  const key = Object.keys(groups).find((name) => normalized(name) === normalized(group));
  if (key === undefined || above.includes(key)) return [];
  return groups[key]!.flatMap((item) => {
    return typeof item === "string" ? [item] : groupLines(groups, item["include-group"], [...above, key]);
  });
}

function lockDemands(
  lock: LockPart,
  root: RootPart,
  asked: readonly Demand[],
  scopes: ReadonlySet<string>,
  file: Pyproject,
): Demand[] {
  const demands: Demand[] = [];
  const loose = new Set(asked.filter(({ text }) => text.endsWith(ANYWHERE)).map(({ text }) => text));
  const add = (scope: string, requirement: UvRequirement) => {
    const { name, extras = [], specifier = "", marker } = requirement;
    const anywhere = demandText(name, extras, "", ANYWHERE);
    const parsed = formatSpecifier(parseSpecifier(specifier, "uv.lock"));
    demands.push({
      scope,
      text: loose.has(anywhere) ? anywhere : demandText(name, extras, parsed, fromLock(requirement)),
      marker: marker === undefined ? undefined : parseMarker(marker, "uv.lock"),
    });
  };
  const dynamic = file.project?.dynamic ?? [];
  for (const requirement of root.metadata?.["requires-dist"] ?? []) {
    const extra = /extra == '([^']+)'/.exec(requirement.marker ?? "")?.[1];
    if (!dynamic.includes(extra === undefined ? "dependencies" : "optional-dependencies")) {
      add(extra === undefined ? "" : `extra ${extra}`, requirement);
    }
  }
  for (const [group, list] of Object.entries(root.metadata?.["requires-dev"] ?? {})) {
    for (const requirement of list) add(`group ${group}`, requirement);
  }
  if (!scopes.has("constraint") && (lock.manifest?.members?.length ?? 1) > 1) return demands;
  for (const requirement of lock.manifest?.constraints ?? []) add("constraint", requirement);
  for (const requirement of lock.manifest?.overrides ?? []) add("override", requirement);
  return demands;
}

/** A source that depends on the environment is not compared. */
const ANYWHERE = " from one of several sources";
const LOCAL = " from a local path";

function demandText(name: string, extras: readonly string[], specifier: string, place: string): string {
  const list = extras.length === 0 ? "" : `[${extras.map(normalized).sort().join(",")}]`;
  return `${normalized(name)}${list}${place === "" ? specifier : place}`;
}

function fromUrl(url: string | undefined): string {
  if (url === undefined) return "";
  if (url.startsWith("git+")) return ` @ git+${gitBase(url.slice(4))}`;
  return url.startsWith("file:") ? LOCAL : ` @ ${withoutCredentials(url) ?? "another place"}`;
}

function fromSource({ git, url, path, workspace }: z.output<typeof UV_SOURCE>): string {
  if (git !== undefined) return ` @ git+${gitBase(git)}`;
  if (url !== undefined) return fromUrl(url);
  return path !== undefined || workspace === true ? LOCAL : "";
}

function fromLock({ git, url, path, directory, editable, virtual }: UvRequirement): string {
  if (git !== undefined) return ` @ git+${gitBase(git)}`;
  if (url !== undefined) return fromUrl(url);
  return (path ?? directory ?? editable ?? virtual) === undefined ? "" : LOCAL;
}

/** A repository without revision and user: a revision is written in three ways, and uv keeps only the commit's meaning. */
function gitBase(url: string): string {
  const bare = url.replace(/[?#].*$/s, "").replace(/:\/\/[^/]*@/, "://");
  return bare.replace(/(\/[^/]*)@.*$/s, "$1").replace(/\.git$/, "");
}

function normalized(name: string): string {
  return parseProjectName(name, "pyproject.toml");
}
