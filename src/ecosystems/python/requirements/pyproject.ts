import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf, usageError } from "../../../errors.ts";
import type { UrlCredentials } from "../index/credentials.ts";
import { emptyLayer, type IndexLayer } from "../index/index-layer.ts";
import { layerFromTable } from "../index/uv-settings.ts";
import type { NormalizedName } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { readDependencyGroup } from "./dependency-groups.ts";
import { decodeRequirements, requirementsLines } from "./requirements-lines.ts";
import {
  checkedRequiresPython,
  readSpecifiers,
  type SpecifierContext,
  wantedSpecifier,
} from "./specifier-lists.ts";
import {
  parseTomlFile,
  placeOfField,
  stringIn,
  stringsIn,
  type TomlTable,
  tableIn,
  wrongType,
} from "./toml-fields.ts";
import type { Wanted, WantedRequirement } from "./wanted.ts";

export type PyprojectRequest = {
  readonly text: string;
  /** The file as the user knows it. */
  readonly where: string;
  /** Its own, absolute. */
  readonly directory: string;
  readonly extras: readonly string[];
  readonly groups: readonly string[];
};

export type PyprojectRequirements = {
  readonly wanted: Wanted;
  readonly layer: IndexLayer;
  /** Absent for a file that has only groups. */
  readonly name?: NormalizedName;
  /** Other files that were read (setuptools' dynamic dependencies), absolute. */
  readonly files: readonly string[];
};

/**
 * What a `pyproject.toml` asks for: `[project]` dependencies, the extras and groups that are wanted, `requires-python`,
 * and `[tool.uv]`. Static only: what a build backend would compute is an error, but for setuptools' lists in files.
 * @throws CambiumError (exit 2) `PYPROJECT_NO_PROJECT`, `PYPROJECT_DYNAMIC`, `EXTRA_UNKNOWN`, `GROUP_UNKNOWN`,
 * `GROUP_LOOP`, `SETTINGS_SYNTAX`, `SETTING_TYPE`, and as `readRequirement`.
 */
export function readPyproject(request: PyprojectRequest): PyprojectRequirements {
  const root = parseTomlFile(request.text, request.where);
  const tool = tableIn(root, "tool");
  const uv = tool === undefined ? undefined : tableIn(tool, "uv");
  const layer = uv === undefined ? emptyLayer() : layerFromTable(uv, request.directory);
  const credentials: UrlCredentials[] = [...layer.credentials];
  const context: SpecifierContext = { directory: request.directory, credentials, sources: uv };
  const project = tableIn(root, "project");
  if (project === undefined) assertMeaning(root, tool, request);
  const files: string[] = [];
  const requirements: WantedRequirement[] = [];
  let name: NormalizedName | undefined;
  let requiresPython: string | undefined;
  if (project !== undefined) {
    const nameText = stringIn(project, "name");
    if (nameText !== undefined) name = parseProjectName(nameText, placeOfField(project, "name"));
    requiresPython = checkedRequiresPython(project);
    const reader: ProjectReader = { project, tool, context, name, files, request };
    requirements.push(...readProject(reader));
  } else if (request.extras.length > 0) throw unknownExtra(request.extras[0]!, [], request.where);
  for (const group of request.groups) requirements.push(...readDependencyGroup(root, uv, group, context));
  const wanted = {
    requirements,
    constraints: [],
    overrides: [],
    ...(requiresPython === undefined ? {} : { requiresPython }),
  };
  return { wanted, layer: { ...layer, credentials }, files, ...(name === undefined ? {} : { name }) };
}

type ProjectReader = {
  readonly project: TomlTable;
  readonly tool: TomlTable | undefined;
  readonly context: SpecifierContext;
  readonly name: NormalizedName | undefined;
  readonly files: string[];
  readonly request: PyprojectRequest;
};

function readProject(reader: ProjectReader): WantedRequirement[] {
  const { project, context, request } = reader;
  const dynamic = new Set(stringsIn(project, "dynamic") ?? []);
  const own = dynamic.has("dependencies")
    ? readDynamic(reader, "dependencies")
    : readSpecifiers(project, "dependencies", context);
  const optional = tableIn(project, "optional-dependencies");
  const names = new Map<string, string>(
    Object.keys(optional?.values ?? {}).map((key) => [
      parseProjectName(key, placeOfField(optional!, key)),
      key,
    ]),
  );
  const readExtra = (extra: string): WantedRequirement[] => {
    const key = names.get(extra);
    if (key !== undefined) return readSpecifiers(optional!, key, context);
    if (dynamic.has("optional-dependencies")) return readDynamic(reader, "optional-dependencies", extra);
    throw unknownExtra(extra, [...names.keys()], request.where);
  };
  const wantedExtras = request.extras.map((extra) => parseProjectName(extra, "--extra") as string);
  return expandOwnExtras([...own, ...wantedExtras.flatMap(readExtra)], reader.name, wantedExtras, readExtra);
}

/** `project[extra]` in a project's own lists means that list's content (`all = ["project[a,b]"]`). */
function expandOwnExtras(
  requirements: readonly WantedRequirement[],
  name: NormalizedName | undefined,
  wantedExtras: readonly string[],
  readExtra: (extra: string) => WantedRequirement[],
): WantedRequirement[] {
  const done = new Set<string>(wantedExtras);
  const queue = [...requirements];
  const expanded: WantedRequirement[] = [];
  for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
    const { requirement } = one;
    if (name === undefined || requirement.name !== name || requirement.url !== undefined) {
      expanded.push(one);
      continue;
    }
    for (const extra of requirement.extras) {
      if (done.has(extra)) continue;
      done.add(extra);
      queue.push(...readExtra(extra).map((inner) => underMarker(inner, one.requirement.marker)));
    }
  }
  return expanded;
}

function underMarker(
  wanted: WantedRequirement,
  outer: WantedRequirement["requirement"]["marker"],
): WantedRequirement {
  if (outer === undefined) return wanted;
  const { marker } = wanted.requirement;
  const both = marker === undefined ? outer : { kind: "and" as const, parts: [outer, marker] };
  return { ...wanted, requirement: { ...wanted.requirement, marker: both } };
}

/** setuptools' `[tool.setuptools.dynamic]` with `{file = …}`: lists of specifiers, without options. */
function readDynamic(reader: ProjectReader, field: string, extra?: string): WantedRequirement[] {
  const { tool, context, request, files } = reader;
  const setuptools = tool === undefined ? undefined : tableIn(tool, "setuptools");
  const dynamic = setuptools === undefined ? undefined : tableIn(setuptools, "dynamic");
  const outer = dynamic === undefined ? undefined : tableIn(dynamic, field);
  const entry = outer === undefined || extra === undefined ? outer : tableIn(outer, extra);
  const file = entry?.values.file;
  const paths = typeof file === "string" ? [file] : file;
  if (entry === undefined || !Array.isArray(paths)) {
    throw usageError(
      "PYPROJECT_DYNAMIC",
      `${placeOfField(reader.project, "dynamic")}: ${field} is computed by the build backend, which is not run`,
      `Write ${field} into [project], build from a lock (uv.lock, poetry.lock, pylock.toml), or name a requirements file.`,
    );
  }
  return paths.flatMap((path) => {
    if (typeof path !== "string") throw wrongType(entry, "file", "a string or an array of strings");
    const absolute = resolve(request.directory, path);
    files.push(absolute);
    const lines = requirementsLines(readListed(absolute, path, placeOfField(entry, "file")), path, {});
    return lines.map(({ number, text }) => wantedSpecifier(text, `${path}:${number}`, context));
  });
}

function readListed(absolute: string, shown: string, where: string): string {
  try {
    return decodeRequirements(readFileSync(absolute), shown);
  } catch (cause) {
    throw usageError(
      "REQUIREMENTS_MISSING",
      `${where}: cannot read ${shown}: ${messageOf(cause)}`,
      undefined,
      cause,
    );
  }
}

/** Without `[project]` a file may still have groups (PEP 735); Poetry 1's own table is no standard. */
function assertMeaning(
  root: TomlTable,
  tool: TomlTable | undefined,
  { where, groups, directory }: PyprojectRequest,
) {
  if (groups.length > 0) return;
  const isPoetry = tool !== undefined && tool.values.poetry !== undefined;
  throw usageError(
    "PYPROJECT_NO_PROJECT",
    `${where}: there is no [project] table${isPoetry ? ", only [tool.poetry]" : ""}`,
    isPoetry
      ? "Run poetry lock and build from poetry.lock, or move the dependencies to [project]."
      : `Add [project] with dependencies to ${join(directory, "pyproject.toml")}${root.values["dependency-groups"] === undefined ? "" : ", or ask for groups (--group NAME)"}.`,
  );
}

function unknownExtra(extra: string, known: readonly string[], where: string) {
  return usageError(
    "EXTRA_UNKNOWN",
    `${where}: there is no extra ${JSON.stringify(extra)}`,
    known.length === 0 ? "The project has no optional dependencies." : `It has: ${known.join(", ")}.`,
  );
}
