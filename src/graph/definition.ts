/**
 * What people write, once parsed: the input of the solver, plain data and free of I/O. Paths named here are relative to
 * the build context unless said otherwise.
 */
export type Definition = {
  readonly base: Base;
  readonly python?: PythonInstall;
  /** Applied in this order, above the packages. */
  readonly files: readonly FileOp[];
  readonly users: readonly UserOp[];
  readonly config: ConfigOp;
};

/** What everything else stands on. */
export type Base = DebianBase | ImageBase;

/** The computed Debian seed with further packages. */
export type DebianBase = {
  readonly kind: "debian";
  readonly suite: "bookworm" | "trixie";
  readonly variant: "standard" | "distroless";
  /** Parts of packages that are left out unless named. */
  readonly keep: readonly ("man" | "info" | "locale" | "doc")[];
  /** Asked for with `.apt(…)`, sorted, each once. */
  readonly packages: readonly string[];
};

/** An image of a registry, with further Debian packages. */
export type ImageBase = {
  readonly kind: "image";
  /** In full: registry, repository, and a tag or a digest. */
  readonly reference: string;
  /** As `DebianBase.keep`, for the packages that are added. */
  readonly keep: DebianBase["keep"];
  readonly packages: readonly string[];
};

/** Where the wanted distributions are written. `path`s are relative to the context. */
export type PythonSource =
  | {
      readonly kind: "cambium-lock" | "pylock" | "uv-lock" | "poetry-lock" | "pyproject" | "script";
      readonly path: string;
    }
  | { readonly kind: "requirements"; readonly paths: readonly string[] }
  | { readonly kind: "specifiers"; readonly specifiers: readonly string[] };

export type PythonInstall = {
  readonly source: PythonSource;
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** Modules are compiled too; absent: they are not. */
  readonly bytecode?: true;
};

export type FileOp =
  /** Files of the context, filtered by the ignore files. */
  | {
      readonly op: "copy";
      readonly sources: readonly string[];
      /** Absolute path in the image; with a trailing slash, or several sources, a directory. */
      readonly destination: string;
      readonly owner?: string;
      readonly chmod?: number;
      readonly exclude?: readonly string[];
    }
  /** Files made by a frontend, such as an editable install; `path` is relative to the image's root. */
  | { readonly op: "generate"; readonly name: string; readonly files: readonly GeneratedFile[] };

export type GeneratedFile =
  | { readonly type: "file"; readonly path: string; readonly mode: number; readonly content: string }
  | { readonly type: "symlink"; readonly path: string; readonly target: string }
  | { readonly type: "directory"; readonly path: string; readonly mode: number };

/** An account in passwd and group. Without `uid`, 1000 and up in order. */
export type UserOp = {
  readonly name: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly home?: string;
  readonly shell?: string;
};

/** The image config's part that people set (image-spec, config.md). Env keeps its order. */
export type ConfigOp = {
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workdir?: string;
  /** Name or uid, with an optional `:group`. */
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
};
