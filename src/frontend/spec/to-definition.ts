import { type CacheFromSpec, type CacheToSpec, parseCacheFrom, parseCacheTo } from "../../cache-spec.ts";
import { usageError } from "../../errors.ts";
import type {
  Base,
  ConfigOp,
  DebianBase,
  Definition,
  FileOp,
  PythonInstall,
  PythonSource,
  UserOp,
} from "../../graph/definition.ts";
import { DEFAULT_PATH } from "../../image/inherit.ts";
import { parseLayoutReference } from "../../image/layout-reference.ts";
import { formatReference, parseReference, withDefaultTag } from "../../image/reference.ts";
import { comparePaths } from "../../layer/entry.ts";
import { type Platform, parsePlatform } from "../../platform.ts";
import { splitCommand } from "./command.ts";
import { DEFAULT_SUITE, DEFAULT_WORKDIR, isDebianAccount, VENV } from "./defaults.ts";
import type { CopySpec, PythonSpec, Spec, StageSpec } from "./schema.ts";

/** What is said beside the image itself: defaults for flags of the same meaning. */
export type SpecSettings = {
  readonly platforms?: readonly Platform[];
  readonly tags?: readonly string[];
  readonly debianMirror?: string;
  /** PEM file that steps are lent, as written. */
  readonly ca?: string;
  /** Places of caches, of the build and of its stages; folders as written. */
  readonly cacheFrom?: readonly CacheFromSpec[];
  readonly cacheTo?: readonly CacheToSpec[];
  /** False when nothing was said of the base, so that the project's Python may decide it. */
  readonly isBaseSet: boolean;
  /** Whether .gitignore files count besides .dockerignore. */
  readonly gitignore: boolean;
};

/** Says where something stands that was written, for messages: `cambium.yaml:3:5`. The first is a top-level key. */
export type WhereKey = (key: string, ...path: readonly PropertyKey[]) => string;

export function toSettings(spec: Spec): SpecSettings {
  return {
    ...(spec.platforms && { platforms: spec.platforms.map((text) => parsePlatform(text, "platforms")) }),
    ...(spec.tags !== undefined && { tags: listOf(spec.tags) }),
    ...(spec.debianMirror !== undefined && { debianMirror: spec.debianMirror }),
    ...(spec.ca !== undefined && { ca: spec.ca }),
    ...cachesOf(spec),
    isBaseSet: spec.debian !== undefined || spec.from !== undefined,
    gitignore: spec.gitignore ?? false,
  };
}

/** @throws CambiumError `CACHE_SYNTAX`. */
function cachesOf(spec: Spec): Pick<SpecSettings, "cacheFrom" | "cacheTo"> {
  const stages = Object.entries(spec.stages ?? {});
  const sections: readonly { readonly cache: Spec["cache"]; readonly own: { stages?: string[] } }[] = [
    { cache: spec.cache, own: {} },
    ...stages.map(([name, { cache }]) => ({ cache, own: { stages: [name] } })),
  ];
  const cacheFrom = sections.flatMap(({ cache, own }) =>
    listOf(cache?.from ?? []).map((text) => ({ ...parseCacheFrom(text, "cache: from"), ...own })),
  );
  const cacheTo = sections.flatMap(({ cache, own }) =>
    listOf(cache?.to ?? []).map((text) => ({ ...parseCacheTo(text, "cache: to"), ...own })),
  );
  return { ...(cacheFrom.length > 0 && { cacheFrom }), ...(cacheTo.length > 0 && { cacheTo }) };
}

/** `before` are file ops that come ahead of the spec's copies, such as an editable install. */
export function toDefinition(
  spec: Spec,
  python: PythonInstall | undefined,
  before: readonly FileOp[],
  where: WhereKey,
): Definition {
  const workdir = workdirOf(spec);
  return {
    base: baseOf(spec, where),
    ...(python !== undefined && { python }),
    files: [...before, ...copiesOf(spec.copy).map((copy) => copyOp(copy, workdir ?? "/"))],
    users: userOps(spec, where("users")),
    config: configOp(spec, workdir, where),
  };
}

/** Where commands run and relative paths begin, as far as it is written. */
export function workdirOf({ workdir, python }: Pick<Spec, "workdir" | "python">): string | undefined {
  return workdir ?? (python === undefined ? undefined : DEFAULT_WORKDIR);
}

/** @throws CambiumError `SPEC_INVALID` with two bases; `REFERENCE_SYNTAX`. */
export function baseOf(spec: StageSpec, where: WhereKey): Base {
  if (spec.from === undefined) return debianBase(spec);
  if (spec.debian !== undefined) {
    throw usageError(
      "SPEC_INVALID",
      `${where("from")}: from and debian both name a base`,
      "Keep `from:` for an image of a registry, or `debian:` for the computed one.",
    );
  }
  const reference = fullReference(spec.from, `${where("from")}: from`);
  return { kind: "image", reference, keep: [], packages: sortedOnce(spec.apt ?? []) };
}

/**
 * Registry, repository, and a tag or a digest, whatever was left out; an `oci-layout://` as it is.
 * @throws CambiumError `REFERENCE_SYNTAX`, `DIGEST_SYNTAX`.
 */
export function fullReference(text: string, where: string): string {
  if (parseLayoutReference(text) !== undefined) return text;
  return formatReference(withDefaultTag(parseReference(text, where)));
}

function debianBase(spec: StageSpec): DebianBase {
  const debian =
    typeof spec.debian === "string" ? { suite: spec.debian } : (spec.debian ?? { suite: DEFAULT_SUITE });
  return {
    kind: "debian",
    suite: debian.suite,
    variant: debian.variant ?? "standard",
    keep: sortedOnce(debian.keep ?? []),
    packages: sortedOnce(spec.apt ?? []),
  };
}

/** @throws CambiumError `SPEC_INVALID` unless exactly one source is named. */
export function pythonInstall(spec: string | PythonSpec, where: string): PythonInstall {
  if (typeof spec === "string") return { source: sourceByName(spec, where), extras: [], groups: [] };
  const sources = pythonSources(spec);
  if (sources.length !== 1) {
    throw usageError(
      "SPEC_INVALID",
      `${where}: python: expected exactly one source, got ${sources.length === 0 ? "none" : sources.map(({ kind }) => kind).join(" and ")}`,
      "Name one of requirements, pylock, uv, poetry, pyproject, script, lock, packages.",
    );
  }
  return {
    source: sources[0]!,
    extras: sortedOnce(spec.extras ?? []),
    groups: sortedOnce(spec.groups ?? []),
    ...(spec.bytecode === true && { bytecode: true }),
  };
}

function pythonSources(spec: PythonSpec): PythonSource[] {
  const sources: PythonSource[] = [];
  if (spec.requirements !== undefined)
    sources.push({ kind: "requirements", paths: listOf(spec.requirements) });
  if (spec.pylock !== undefined) sources.push({ kind: "pylock", path: spec.pylock });
  if (spec.uv !== undefined) sources.push({ kind: "uv-lock", path: spec.uv });
  if (spec.poetry !== undefined) sources.push({ kind: "poetry-lock", path: spec.poetry });
  if (spec.pyproject !== undefined) sources.push({ kind: "pyproject", path: spec.pyproject });
  if (spec.script !== undefined) sources.push({ kind: "script", path: spec.script });
  if (spec.lock !== undefined) sources.push({ kind: "cambium-lock", path: spec.lock });
  if (spec.packages !== undefined) sources.push({ kind: "specifiers", specifiers: spec.packages });
  return sources;
}

/** The kind that a file's own name tells; PEP 751 fixes `pylock.toml` and `pylock.*.toml`. */
export function sourceByName(path: string, where: string): PythonSource {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name === "cambium.lock") return { kind: "cambium-lock", path };
  if (/^pylock(\.[^.]+)?\.toml$/.test(name)) return { kind: "pylock", path };
  if (name === "uv.lock") return { kind: "uv-lock", path };
  if (name === "poetry.lock") return { kind: "poetry-lock", path };
  if (name === "pyproject.toml") return { kind: "pyproject", path };
  if (/\.(txt|in)$/.test(name)) return { kind: "requirements", paths: [path] };
  if (name.endsWith(".py")) return { kind: "script", path };
  throw usageError(
    "SPEC_INVALID",
    `${where}: python: cannot tell from its name what ${JSON.stringify(path)} is`,
    'Say so, as in python: {requirements: "FILE"}; a list of names is python: {packages: [...]}.',
  );
}

/** Every copy as a mapping. */
export function copiesOf(copy: Spec["copy"]): CopySpec[] {
  if (copy === undefined) return [];
  return (Array.isArray(copy) ? copy : [copy]).map((item) =>
    typeof item === "string" ? copyFromText(item) : item,
  );
}

/** `SOURCE` or `SOURCE:/DESTINATION`; a colon before anything but a slash belongs to the name. */
function copyFromText(text: string): CopySpec {
  const colon = text.indexOf(":/");
  return colon <= 0 ? { from: text } : { from: text.slice(0, colon), to: text.slice(colon + 1) };
}

function copyOp(copy: CopySpec, workdir: string): FileOp {
  const chmod = copy.chmod === undefined ? undefined : modeOf(copy.chmod);
  return {
    op: "copy",
    sources: listOf(copy.from),
    destination: destinationOf(copy.to, workdir),
    ...(copy.owner !== undefined && { owner: copy.owner }),
    ...(chmod !== undefined && { chmod }),
    ...(copy.exclude !== undefined && { exclude: copy.exclude }),
  };
}

/** Permission bits: octal digits, or the number itself. */
export function modeOf(mode: string | number): number {
  return typeof mode === "string" ? Number.parseInt(mode.replace(/^0o/, ""), 8) : mode;
}

/** Absolute, with what says that it is a directory. */
export function destinationOf(to: string | undefined, workdir: string): string {
  const path = to ?? "./";
  return path.startsWith("/") ? asDirectory(path, workdir) : absolute(workdir, path);
}

/** The working directory is a directory, whether or not its name ends in a slash: a file copied there goes into it. */
function asDirectory(path: string, workdir: string): string {
  return path === workdir.replace(/\/+$/, "") ? `${path}/` : path;
}

/** Keeps what says "directory": a trailing slash or dot. */
function absolute(workdir: string, relative: string): string {
  return `${workdir.replace(/\/+$/, "")}/${relative.replace(/^(\.\/)+/, "").replace(/^\.$/, "")}`;
}

/** @throws CambiumError `SPEC_INVALID` for a name that stands twice. */
export function userOps(spec: StageSpec, where: string): UserOp[] {
  const users: UserOp[] = (spec.users ?? []).map(({ name, uid, gid, home, shell }) => ({
    name,
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(home !== undefined && { home }),
    ...(shell !== undefined && { shell }),
  }));
  const names = users.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError("SPEC_INVALID", `${where}: users: ${twice} stands twice`);
  const name = typeof spec.user === "string" ? spec.user.split(":")[0]! : undefined;
  // "user: app" alone is what people mean: there shall be such a user.
  if (name === undefined || /^\d+$/.test(name) || names.includes(name) || isDebianAccount(name)) return users;
  return [...users, { name }];
}

export function configOp(spec: Spec, workdir: string | undefined, where: WhereKey): ConfigOp {
  return {
    env: envOf(spec.env ?? {}, where("env")),
    ...(workdir !== undefined && { workdir }),
    ...(spec.user !== undefined && { user: String(spec.user) }),
    ...(spec.entrypoint !== undefined && {
      entrypoint: splitCommand(spec.entrypoint, `${where("entrypoint")}: entrypoint`),
    }),
    ...(spec.cmd !== undefined && { cmd: splitCommand(spec.cmd, `${where("cmd")}: cmd`) }),
    labels: Object.fromEntries(
      Object.entries(spec.label ?? {})
        .sort(([a], [b]) => comparePaths(a, b))
        .map(([name, value]) => [name, String(value)]),
    ),
    exposedPorts: sortedOnce(listOf(spec.expose ?? []).map(portOf)),
    volumes: sortedOnce(listOf(spec.volume ?? [])),
    ...(spec.stopSignal !== undefined && { stopSignal: String(spec.stopSignal) }),
  };
}

/** As written; what the base says comes below it when the image is put together. */
export function envOf(env: Readonly<Record<string, unknown>>, where: string): [string, string][] {
  const path = env.PATH;
  if (typeof path === "string" && /\$(PATH|\{PATH\})/.test(path)) {
    throw usageError(
      "SPEC_INVALID",
      `${where}: env: PATH: $PATH is not expanded: ${JSON.stringify(path)}`,
      `Write it out; the default is ${VENV}/bin:${DEFAULT_PATH}, or ${VENV}/bin before what an image of a registry has`,
    );
  }
  return Object.entries(env).map(([name, value]) => [name, String(value)]);
}

function portOf(port: string | number): string {
  const text = String(port);
  return text.includes("/") ? text : `${text}/tcp`;
}

export function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function sortedOnce<T extends string>(values: readonly T[]): T[] {
  return [...new Set(values)].sort(comparePaths);
}
