import type { ImageTree } from "../../../image/image-tree.ts";
import { joined } from "../../../image/walk-tree.ts";
import { parseProgramFacts } from "./program-facts.ts";

/** A CPython of an image. Paths are real and as in `Entry`, without a leading slash. */
export type BaseInterpreter = {
  /** `usr/bin/python3.11`. */
  readonly path: string;
  /** `3.11`. */
  readonly version: string;
  /** `3.11.2`, where the image tells it. */
  readonly fullVersion: string | undefined;
  readonly isFreeThreaded: boolean;
  /** What sysconfig calls the prefix: `usr`, `usr/local`. */
  readonly prefix: string;
  /** sysconfig's name of the scheme that pip installs by. */
  readonly scheme: "posix_prefix" | "posix_local";
  /** Folders in which it finds installed distributions, those that exist. */
  readonly sitePackages: readonly string[];
};

/** A virtual environment of an image. */
export type BaseVenv = {
  readonly path: string;
  readonly sitePackages: readonly string[];
};

const PLACES = ["usr/local/bin", "usr/bin", "opt/venv/bin", "opt/conda/bin"];

/**
 * The interpreters on `path` (PATH of the image's config) and in the usual places, in this order: the first one is what
 * `python3` means, where there is such a name on PATH.
 * @param statedVersion PYTHON_VERSION of the config, which the official images set
 */
export function interpretersOf(tree: ImageTree, path: string, statedVersion?: string): BaseInterpreter[] {
  const folders = foldersOf(path);
  const found = new Map<string, BaseInterpreter>();
  const add = (candidate: string) => {
    const one = interpreterAt(tree, candidate, statedVersion);
    if (one !== undefined && !found.has(one.path)) found.set(one.path, one);
  };
  const meant = folders.flatMap((folder) => [`${folder}/python3`, `${folder}/python`]);
  const first = meant.find((candidate) => tree.lookup(candidate)?.type === "file");
  if (first !== undefined) add(first);
  for (const folder of new Set([...folders, ...PLACES])) {
    const minors = tree.list(folder).filter((name) => /^python3\.\d{1,3}t?$/.test(name));
    for (const name of minors.sort(newestFirst)) add(`${folder}/${name}`);
  }
  return [...found.values()];
}

/** Environments that PATH leads into. (PEP 405) */
export function venvsOf(tree: ImageTree, path: string): BaseVenv[] {
  const venvs = new Map<string, BaseVenv>();
  for (const folder of foldersOf(path)) {
    const root = tree.lookup(`${folder}/..`);
    if (root === undefined || tree.lookup(`${root.path}/pyvenv.cfg`)?.type !== "file") continue;
    const versions = tree.list(`${root.path}/lib`).filter((name) => /^python3(?:\.\d+t?)?$/.test(name));
    const candidates = versions.map((name) => `${root.path}/lib/${name}/site-packages`);
    venvs.set(root.path, { path: root.path, sitePackages: existing(tree, candidates) });
  }
  return [...venvs.values()];
}

function foldersOf(path: string): string[] {
  return path
    .split(":")
    .flatMap((folder) => (folder.startsWith("/") ? [folder.replace(/^\/+|\/+$/g, "")] : []));
}

function interpreterAt(tree: ImageTree, candidate: string, stated?: string): BaseInterpreter | undefined {
  const program = tree.lookup(candidate);
  if (program?.type !== "file" || (program.mode & 0o111) === 0) return undefined;
  const match = /^(?:(.*)\/)?bin\/python(3\.\d{1,3})(t?)$/.exec(program.path);
  if (match === null) return undefined;
  const [, prefix = "", version = "", threads = ""] = match;
  const library = ["lib", "lib64"].map(
    (folder) => `${joined(prefix, folder)}/libpython${version}${threads}.so.1.0`,
  );
  const facts = [program.path, ...library].map((path) => parseProgramFacts(tree.text(path)));
  const isStated = stated?.startsWith(`${version}.`) === true;
  const fullVersion =
    facts.find((one) => one?.version !== undefined)?.version ?? (isStated ? stated : undefined);
  const isDebian = prefix === "usr" && tree.lookup("usr/lib/python3/dist-packages") !== undefined;
  const name = `python${version}${threads}`;
  const sites = isDebian
    ? [`usr/local/lib/${name}/dist-packages`, "usr/lib/python3/dist-packages"]
    : ["lib", "lib64"].map((folder) => `${joined(prefix, folder)}/${name}/site-packages`);
  return {
    ...{ path: program.path, version, fullVersion, isFreeThreaded: threads !== "", prefix },
    scheme: isDebian ? "posix_local" : "posix_prefix",
    sitePackages: existing(tree, sites),
  };
}

/** The real folders of these, each once. */
function existing(tree: ImageTree, paths: readonly string[]): string[] {
  const real = paths.map((path) => tree.lookup(path)).filter((found) => found?.type === "directory");
  return [...new Set(real.flatMap((found) => found?.path ?? []))];
}

function newestFirst(a: string, b: string): number {
  const minor = (name: string) => Number.parseInt(name.slice("python3.".length), 10);
  return minor(b) - minor(a) || (a < b ? -1 : 1);
}
