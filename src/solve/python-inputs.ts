import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { UniversalLock } from "../ecosystems/python/choice/universal-lock.ts";
import type { UrlCredentials } from "../ecosystems/python/index/credentials.ts";
import type { IndexLayer } from "../ecosystems/python/index/index-layer.ts";
import { type Wanted, wantedRequirement } from "../ecosystems/python/requirements/wanted.ts";
import { messageOf, usageError } from "../errors.ts";
import type { PythonInstall } from "../graph/definition.ts";

/** What the project's own files say about Python: a lock that settles it, or requirements that have to be resolved. */
export type PythonInputs = { readonly layers: readonly IndexLayer[] } & (
  | { readonly kind: "lock"; readonly lock: UniversalLock; readonly where: string }
  | { readonly kind: "wanted"; readonly wanted: Wanted }
);

/**
 * Reads the source of an install; each format's reader is loaded only when it is needed.
 * @throws CambiumError (exit 2) of the format's reader; `INPUT_UNREADABLE`.
 */
export async function readPythonInputs(
  install: PythonInstall,
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PythonInputs> {
  const { source, extras, groups } = install;
  assertSelection(install);
  if (source.kind === "specifiers") {
    const credentials: UrlCredentials[] = [];
    const requirements = source.specifiers.map((text, at) =>
      wantedRequirement(text, `packages[${at}]`, credentials),
    );
    return {
      kind: "wanted",
      wanted: { requirements, constraints: [], overrides: [] },
      layers: [{ indexes: [], credentials }],
    };
  }
  if (source.kind === "requirements") return readRequirements(source.paths, root, env);

  const where = source.path;
  const path = join(root, source.path);
  const directory = dirname(path);
  const text = await readText(path, where);
  switch (source.kind) {
    case "pylock": {
      const { readPylock } = await import("../ecosystems/python/locks/pylock.ts");
      return { kind: "lock", lock: readPylock(text, where, directory), where, layers: [] };
    }
    case "uv-lock": {
      const { readUvLock } = await import("../ecosystems/python/locks/uv-lock.ts");
      const pyproject = await readText(join(directory, "pyproject.toml"), "pyproject.toml");
      const lock = readUvLock(text, where, { extras, groups, pyproject, directory });
      return { kind: "lock", lock, where, layers: [] };
    }
    case "poetry-lock": {
      const { readPoetryLock } = await import("../ecosystems/python/locks/poetry-lock.ts");
      const pyproject = await readText(join(directory, "pyproject.toml"), "pyproject.toml");
      return {
        kind: "lock",
        lock: readPoetryLock(text, where, { extras, groups, pyproject }),
        where,
        layers: [],
      };
    }
    case "cambium-lock": {
      const { readCambiumLock } = await import("../ecosystems/cambium-lock.ts");
      const lock = readCambiumLock(text, where).python ?? { distributions: [] };
      return { kind: "lock", lock, where, layers: [] };
    }
    case "pyproject": {
      const { readPyproject } = await import("../ecosystems/python/requirements/pyproject.ts");
      const { wanted, layer } = readPyproject({ text, where, directory, extras, groups });
      return { kind: "wanted", wanted, layers: [layer] };
    }
    case "script": {
      const { readScriptMetadata } = await import("../ecosystems/python/requirements/pep723.ts");
      const script = readScriptMetadata(text, where, directory);
      const wanted = script?.wanted ?? { requirements: [], constraints: [], overrides: [] };
      return { kind: "wanted", wanted, layers: script === undefined ? [] : [script.layer] };
    }
  }
}

/** @throws CambiumError `EXTRA_UNKNOWN`, `GROUP_UNKNOWN`: only projects have extras and groups. */
function assertSelection({ source, extras, groups }: PythonInstall): void {
  if (!["requirements", "specifiers", "script"].includes(source.kind)) return;
  const [extra] = extras;
  const [group] = groups;
  if (extra === undefined && group === undefined) return;
  const what = extra === undefined ? `group ${group}` : `extra ${extra}`;
  throw usageError(
    extra === undefined ? "GROUP_UNKNOWN" : "EXTRA_UNKNOWN",
    `the ${what} is asked for, but ${source.kind} name no extras and groups`,
    "Only a pyproject.toml and its locks have them; leave it out, or write name[extra] in the requirements.",
  );
}

/** Several files are one request, as several `-r` are to pip; each brings its own index options. */
async function readRequirements(
  paths: readonly string[],
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PythonInputs> {
  const { readRequirementsFile } = await import("../ecosystems/python/requirements/requirements-file.ts");
  const files = await Promise.all(
    paths.map((path) => readRequirementsFile(join(root, path), { env, contextDir: root })),
  );
  const projects = files.flatMap((file) => file.projects);
  const { readPyproject } =
    projects.length === 0
      ? { readPyproject: undefined }
      : await import("../ecosystems/python/requirements/pyproject.ts");
  const own = await Promise.all(
    projects.map(async ({ path, extras, where }) => {
      const text = await readText(join(path, "pyproject.toml"), `${where}: pyproject.toml`);
      return readPyproject?.({ text, where: "pyproject.toml", directory: path, extras, groups: [] });
    }),
  );
  const parts = [...files, ...own.filter((it) => it !== undefined)];
  const wanted = parts.map((part) => part.wanted);
  const hashChecking = wanted.find((it) => it.hashChecking !== undefined)?.hashChecking;
  const requiresPython = wanted.flatMap((it) => it.requiresPython ?? []).join(",");
  return {
    kind: "wanted",
    wanted: {
      requirements: wanted.flatMap((it) => it.requirements),
      constraints: wanted.flatMap((it) => it.constraints),
      overrides: wanted.flatMap((it) => it.overrides),
      ...(requiresPython !== "" && { requiresPython }),
      ...(hashChecking !== undefined && { hashChecking }),
    },
    layers: parts.map((part) => part.layer),
  };
}

async function readText(path: string, where: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw usageError(
      "INPUT_UNREADABLE",
      `cannot read ${where}: ${messageOf(cause)}`,
      "Check the path.",
      cause,
    );
  }
}
