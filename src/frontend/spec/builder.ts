import { checkSpec } from "./check.ts";
import { type PythonSpec, type Spec, specSchema } from "./schema.ts";
import { type LoadedSpec, toLoadedSpec } from "./to-loaded-spec.ts";

/** Told apart by this and not by class: the file of a user may load another copy of this package than the command. */
const BRAND = Symbol.for("cambium.image");

/** A base, such as `debian("bookworm")` gives. */
export type Base = Pick<Spec, "debian" | "from">;

type Scalar = string | number | boolean;
type CopyOptions = {
  readonly owner?: string;
  readonly chmod?: string | number;
  readonly exclude?: readonly string[];
};
type User = NonNullable<Spec["users"]>[number];
type Port = string | number;

/** An image as it is to be: immutable, each call gives a new one. The words are those of `cambium.yaml`. */
export interface ImageBuilder {
  /** Debian packages beyond the base. */
  apt(...packages: readonly string[]): ImageBuilder;
  /** Where the Python distributions are written: `"requirements.txt"`, `{ uv: "uv.lock" }`, `{ packages: ["flask"] }`. */
  python(source: string | PythonSpec): ImageBuilder;
  /** Files of the project; `to` defaults to the working directory. */
  copy(from: string | readonly string[], to?: string, options?: CopyOptions): ImageBuilder;
  env(variables: Readonly<Record<string, Scalar>>): ImageBuilder;
  workdir(path: string): ImageBuilder;
  /** Who runs the command; a name that is not known is made. */
  user(user: string | number): ImageBuilder;
  users(...users: readonly User[]): ImageBuilder;
  entrypoint(...argv: readonly string[]): ImageBuilder;
  cmd(...argv: readonly string[]): ImageBuilder;
  label(labels: Readonly<Record<string, Scalar>>): ImageBuilder;
  expose(...ports: readonly Port[]): ImageBuilder;
  volume(...paths: readonly string[]): ImageBuilder;
  stopSignal(signal: string | number): ImageBuilder;
  platforms(...platforms: NonNullable<Spec["platforms"]>): ImageBuilder;
  tags(...tags: readonly string[]): ImageBuilder;
  debianMirror(url: string): ImageBuilder;
  gitignore(isHonoured?: boolean): ImageBuilder;
  /** What the build takes. @throws CambiumError `SPEC_INVALID` for what only shows in the whole. */
  toDefinition(): LoadedSpec["definition"];
  /** As `toDefinition`, with what is said beside the image: platforms, tags. */
  toLoadedSpec(): LoadedSpec;
}

/** Debian as a base. @throws CambiumError `SPEC_INVALID`. */
export function debian(suite: "bookworm" | "trixie", options: Omit<DebianOptions, "suite"> = {}): Base {
  const spec = Object.keys(options).length === 0 ? { debian: suite } : { debian: { ...options, suite } };
  return checkCall(spec, `debian(${JSON.stringify(suite)})`);
}

/** An image of a registry as a base, by tag or digest: `from("python:3.12-slim")`. @throws CambiumError `SPEC_INVALID`. */
export function from(reference: string): Base {
  return checkCall({ from: reference }, `from(${JSON.stringify(reference)})`);
}

type DebianOptions = Exclude<NonNullable<Spec["debian"]>, string>;

/** Begins an image on a base; without one, the default base. */
export function image(base: Base = {}): ImageBuilder {
  return builderOf(checkCall(base, "image(…)"));
}

/** Whether a value is an image of this package, of whatever copy. */
export function isImage(value: unknown): value is ImageBuilder {
  return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
}

function builderOf(spec: Spec): ImageBuilder {
  const next = (change: Spec, call: string) => builderOf(checkCall({ ...spec, ...change }, call));
  const listOf = <T>(value: T | readonly T[] | undefined): T[] =>
    value === undefined ? [] : Array.isArray(value) ? [...value] : [value as T];
  const builder: ImageBuilder = {
    apt: (...packages) => next({ apt: [...(spec.apt ?? []), ...packages] }, ".apt(…)"),
    python: (source) => next({ python: source }, ".python(…)"),
    copy: (from, to, options = {}) => {
      const item = { ...options, from, ...(to !== undefined && { to }) } as NonNullable<Spec["copy"]>;
      return next({ copy: [...listOf(spec.copy), item] as Spec["copy"] }, ".copy(…)");
    },
    env: (variables) => next({ env: { ...spec.env, ...variables } }, ".env(…)"),
    workdir: (path) => next({ workdir: path }, ".workdir(…)"),
    user: (user) => next({ user }, ".user(…)"),
    users: (...users) => next({ users: [...(spec.users ?? []), ...users] }, ".users(…)"),
    entrypoint: (...argv) => next({ entrypoint: argv as string[] }, ".entrypoint(…)"),
    cmd: (...argv) => next({ cmd: argv as string[] }, ".cmd(…)"),
    label: (labels) => next({ label: { ...spec.label, ...labels } }, ".label(…)"),
    expose: (...ports) => next({ expose: [...listOf(spec.expose), ...ports] }, ".expose(…)"),
    volume: (...paths) => next({ volume: [...listOf(spec.volume), ...paths] }, ".volume(…)"),
    stopSignal: (signal) => next({ stopSignal: signal }, ".stopSignal(…)"),
    platforms: (...platforms) => next({ platforms }, ".platforms(…)"),
    tags: (...tags) => next({ tags: [...listOf(spec.tags), ...tags] }, ".tags(…)"),
    debianMirror: (url) => next({ debianMirror: url }, ".debianMirror(…)"),
    gitignore: (isHonoured = true) => next({ gitignore: isHonoured }, ".gitignore(…)"),
    toLoadedSpec: () => toLoadedSpec(spec, (key) => `.${key}(…)`),
    toDefinition: () => toLoadedSpec(spec, (key) => `.${key}(…)`).definition,
  };
  return Object.freeze(Object.defineProperty(builder, BRAND, { value: true }));
}

/** Held to the schema at each call, so that the error's stack names the caller's line. */
function checkCall(spec: Spec, call: string): Spec {
  return checkSpec(specSchema, spec, () => call);
}
