import type { WheelFilename } from "../standards/wheel-filename.ts";

/** Where parts of a wheel land (packaging.python.org, binary distribution format; sysconfig's installation paths). */
export type SchemeKey = "purelib" | "platlib" | "headers" | "scripts" | "data";

export const SCHEME_KEYS: readonly SchemeKey[] = ["data", "headers", "platlib", "purelib", "scripts"];

/**
 * An installation scheme as data. Paths are relative to the image's root, without slashes at either end.
 * The files of a wheel go to `paths`; its RECORD counts from `recordBase`, the name by which Python knows the same
 * directory.
 */
export type InstallationScheme = {
  readonly id: "venv";
  readonly paths: Readonly<Record<SchemeKey, string>>;
  readonly recordBase: string;
  /** Absolute path that scripts start with. */
  readonly interpreter: string;
  /** What the venv itself consists of: a wheel that brings one of these would break it. */
  readonly isReserved: (path: string) => boolean;
  /** `3.11` for a wheel that serves one minor version only. */
  readonly pythonVersion: string | undefined;
};

export const VENV = "opt/venv";

/** Its site-packages: where wheels unpack to. */
export const LIBRARY = `${VENV}/lib/python3/site-packages`;

/**
 * The venv scheme for one wheel: `/opt/venv` with the real directory `lib/python3/site-packages`.
 *
 * What pip names after X.Y stays free of it unless the wheel itself serves one X.Y only (`cp311-cp311`): then headers
 * go to `include/site/python3.11/NAME` as pip has them in a venv. A wheel for any Python 3 gets `include/site/python3/NAME`
 * instead, since its segment must serve every base.
 */
export function venvScheme(wheel: WheelFilename): InstallationScheme {
  const pythonVersion = onlyPythonVersion(wheel);
  const python = `python${pythonVersion ?? "3"}`;
  return {
    id: "venv",
    paths: {
      purelib: LIBRARY,
      platlib: LIBRARY,
      headers: `${VENV}/include/site/${python}/${wheel.name}`,
      scripts: `${VENV}/bin`,
      data: VENV,
    },
    recordBase: `${VENV}/lib/${python}/site-packages`,
    interpreter: `/${VENV}/bin/python`,
    isReserved: (path) =>
      path.startsWith(`${VENV}/`) &&
      /^(?:pyvenv\.cfg|lib64|lib\/python3\.\d+|bin\/python(?:3(?:\.\d+)?)?)$/.test(
        path.slice(VENV.length + 1),
      ),
    pythonVersion,
  };
}

/**
 * `3.11` if the compatibility tags let no other minor version in. `cp311-none` does so too: of another CPython's tags
 * only `abi3` ones are accepted (packaging.python.org, platform compatibility tags).
 */
function onlyPythonVersion(wheel: WheelFilename): string | undefined {
  const [tag, ...others] = wheel.pythonTags;
  const match = /^cp3(\d+)$/.exec(tag ?? "");
  if (match === null || others.length > 0 || wheel.abiTags.includes("abi3")) return undefined;
  return `3.${match[1]}`;
}

/** `path` as seen from the directory `base`; both relative to the same root (what `os.path.relpath` gives). */
export function relativeFrom(base: string, path: string): string {
  const from = base.split("/");
  const to = path.split("/");
  let same = 0;
  while (same < from.length && same < to.length - 1 && from[same] === to[same]) same++;
  return [...from.slice(same).map(() => ".."), ...to.slice(same)].join("/");
}
