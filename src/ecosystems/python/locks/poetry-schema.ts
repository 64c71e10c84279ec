import { z } from "zod";

export const POETRY_DEPENDENCY = z.object({
  version: z.string().optional(),
  python: z.string().optional(),
  platform: z.string().optional(),
  markers: z.string().optional(),
  optional: z.boolean().optional(),
  extras: z.array(z.string()).optional(),
});
/** Dependencies as Poetry writes them, in its lock and in `pyproject.toml` alike. */
export const POETRY_DEPENDENCIES = z.record(
  z.string(),
  z.union([z.string(), POETRY_DEPENDENCY, z.array(POETRY_DEPENDENCY)]),
);

export const POETRY_FILE = z.object({ file: z.string(), hash: z.string() });

const PACKAGE = z.object({
  name: z.string(),
  version: z.string(),
  optional: z.boolean().optional(),
  "python-versions": z.string().optional(),
  groups: z.array(z.string()).optional(),
  markers: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  files: z.array(POETRY_FILE).optional(),
  dependencies: POETRY_DEPENDENCIES.optional(),
  extras: z.record(z.string(), z.array(z.string())).optional(),
  source: z
    .object({
      type: z.string(),
      url: z.string(),
      reference: z.string().optional(),
      resolved_reference: z.string().optional(),
    })
    .optional(),
});
export type PoetryPackage = z.output<typeof PACKAGE>;

export const POETRY_LOCK = z.object({
  package: z.array(PACKAGE).optional(),
  extras: z.record(z.string(), z.array(z.string())).optional(),
  metadata: z.object({
    "lock-version": z.string().optional(),
    "python-versions": z.string().optional(),
    "content-hash": z.string().optional(),
    files: z.record(z.string(), z.array(POETRY_FILE)).optional(),
  }),
});
export type PoetryLockFile = z.output<typeof POETRY_LOCK>;

export type PoetryLockOptions = {
  /** The project's extras, and groups beside `main`. */
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** Text of the project's `pyproject.toml`: the lock must be fresh for it, and older locks cannot be read without. */
  readonly pyproject?: string;
  /** Absolute directory of the lock file, where relative paths begin. */
  readonly directory?: string;
};

/** Where a package is installed; `text` is absent when that is everywhere. Packages that are installed nowhere are not in the map. */
export type PoetryMarkers = Map<PoetryPackage, { readonly text: string | undefined }>;
