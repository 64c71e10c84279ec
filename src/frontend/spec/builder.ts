import { usageError } from "../../errors.ts";
import { NOTHING_TOLD, referenceTo, specOf, type Told, wholeSpec } from "./builder-stages.ts";
import { checkSpec } from "./check.ts";
import { type PythonSpec, type Spec, type StepSpec, specSchema } from "./schema.ts";
import type { GitSpec, HttpSpec, MountSpec, RunObject } from "./step-schema.ts";
import { type LoadedSpec, toLoadedSpec } from "./to-loaded-spec.ts";

/**
 * Where an image keeps what it was told. Told apart by this and not by class: the file of a user may load another copy
 * of this package than the command.
 */
const TOLD = Symbol.for("cambium.image");

/** A base, such as `debian("bookworm")` gives. */
export type Base = Pick<Spec, "debian" | "from">;

type Scalar = string | number | boolean;
/** Files of another image, or of one of a registry, in place of the build context. */
type Origin = { readonly stage?: ImageBuilder; readonly image?: string };
type Rights = { readonly owner?: string; readonly chmod?: string | number };
type CopyOptions = Rights & Origin & { readonly exclude?: readonly string[] };
type Mount = Omit<MountSpec, "stage"> & { readonly stage?: ImageBuilder };
type RunOptions = Omit<RunObject, "command" | "mounts"> & { readonly mounts?: readonly Mount[] };
type HttpOptions = Omit<HttpSpec, "url" | "to">;
type GitOptions = Omit<GitSpec, "url" | "to">;
type User = NonNullable<Spec["users"]>[number];
type Port = string | number;

/** An image as it is to be: immutable, each call gives a new one. The words are those of `cambium.yaml`. */
export interface ImageBuilder {
  /** Debian packages beyond the base. */
  apt(...packages: readonly string[]): ImageBuilder;
  /** Where the Python distributions are written: `"requirements.txt"`, `{ uv: "uv.lock" }`, `{ packages: ["flask"] }`. */
  python(source: string | PythonSpec): ImageBuilder;
  /** Files of the project, of another image or one of a registry; `to` defaults to the working directory. */
  copy(from: string | readonly string[], to?: string, options?: CopyOptions): ImageBuilder;
  /** A command that runs while the image is built: a text for the shell, or a list of words. */
  run(command: string | readonly string[], options?: RunOptions): ImageBuilder;
  /** A file from the web. */
  http(url: string, to?: string, options?: HttpOptions): ImageBuilder;
  /** The files of a git repository. */
  git(url: string, to?: string, options?: GitOptions): ImageBuilder;
  /** Lays what other images hold over the files, in order. */
  merge(...images: readonly ImageBuilder[]): ImageBuilder;
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
  /** A PEM file, relative to the project, with all certificates that commands are to trust; in no layer. */
  ca(file: string): ImageBuilder;
  /** Places that caches travel through, as `--cache-from` and `--cache-to` take them; of a stage, for that alone. */
  cache(places: NonNullable<Spec["cache"]>): ImageBuilder;
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

/**
 * Begins an image on a base, or on another image, which is a stage of this one then; without any, on the default base.
 * @throws CambiumError `SPEC_INVALID`.
 */
export function image(base: Base | ImageBuilder = {}): ImageBuilder {
  if (!isImage(base)) return builderOf({ ...NOTHING_TOLD, spec: checkCall(base, "image(…)") });
  return builderOf({ ...NOTHING_TOLD, spec: { stage: referenceTo(0) }, images: [base] });
}

/** What `upper` changed against `lower`, as an image of its own: something to merge, or to copy from. */
export function diff(lower: ImageBuilder, upper: ImageBuilder): ImageBuilder {
  const spec = { diff: { lower: referenceTo(0), upper: referenceTo(1) } };
  return builderOf({ ...NOTHING_TOLD, spec, images: [lower, upper] });
}

/** Whether a value is an image of this package, of whatever copy. */
export function isImage(value: unknown): value is ImageBuilder {
  return typeof value === "object" && value !== null && TOLD in value;
}

function builderOf(told: Told): ImageBuilder {
  const { spec } = told;
  const next = (change: Spec, call: string) =>
    builderOf(checked({ ...told, spec: { ...spec, ...change } }, call));
  const add = (call: string, images: readonly ImageBuilder[], step: (first: number) => StepSpec) =>
    builderOf(
      checked(
        {
          ...{ spec, images: [...told.images, ...images] },
          // A list that the caller changes later must not reach the image.
          steps: [...told.steps, structuredClone(step(told.images.length))],
        },
        call,
      ),
    );
  const listOf = <T>(value: T | readonly T[] | undefined): T[] =>
    value === undefined ? [] : Array.isArray(value) ? [...value] : [value as T];
  const builder: ImageBuilder = {
    apt: (...packages) => next({ apt: [...(spec.apt ?? []), ...packages] }, ".apt(…)"),
    python: (source) => next({ python: source }, ".python(…)"),
    copy: (from, to, { stage, ...options } = {}) =>
      add(".copy(…)", imagesOf([stage], ".copy(…)"), (first) => {
        const copy = { ...options, from, ...(to !== undefined && { to }) };
        return { copy: stage === undefined ? copy : { ...copy, stage: referenceTo(first) } } as StepSpec;
      }),
    run: (command, options = {}) => {
      const { mounts = [], ...rest } = options;
      const stages = mounts.filter(({ stage }) => stage !== undefined);
      return add(
        ".run(…)",
        imagesOf(
          stages.map(({ stage }) => stage),
          ".run(…)",
        ),
        (first) => {
          const named = mounts.map(({ stage, ...mount }, i) =>
            stage === undefined
              ? mount
              : { ...mount, stage: referenceTo(first + stages.indexOf(mounts[i]!)) },
          );
          return { run: { ...rest, command, ...(mounts.length > 0 && { mounts: named }) } } as StepSpec;
        },
      );
    },
    http: (url, to, options = {}) =>
      add(".http(…)", [], () => ({ http: { ...options, url, ...(to !== undefined && { to }) } })),
    git: (url, to, options = {}) =>
      add(".git(…)", [], () => ({ git: { ...options, url, ...(to !== undefined && { to }) } })),
    merge: (...images) =>
      add(".merge(…)", imagesOf(images, ".merge(…)"), (first) => ({
        merge: images.map((_, i) => referenceTo(first + i)),
      })),
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
    ca: (file) => next({ ca: file }, ".ca(…)"),
    cache: (places) => next({ cache: places }, ".cache(…)"),
    gitignore: (isHonoured = true) => next({ gitignore: isHonoured }, ".gitignore(…)"),
    toLoadedSpec: () => toLoadedSpec(wholeSpec(told), whereCalled),
    toDefinition: () => toLoadedSpec(wholeSpec(told), whereCalled).definition,
  };
  return Object.freeze(Object.defineProperty(builder, TOLD, { value: told }));
}

/** @throws CambiumError `SPEC_INVALID` where something else stands in an image's place. */
function imagesOf(values: readonly (ImageBuilder | undefined)[], call: string): ImageBuilder[] {
  return values.flatMap((value) => {
    if (value === undefined || isImage(value)) return value ?? [];
    throw usageError(
      "SPEC_INVALID",
      `${call}: expected an image that image(…) gave`,
      "Write image(debian(…)).",
    );
  });
}

/** The call that said something: the last word of its place that is one. */
function whereCalled(...path: readonly PropertyKey[]): string {
  return `.${String(path.findLast((part) => typeof part === "string"))}(…)`;
}

function checked(told: Told, call: string): Told {
  const {
    steps: _,
    copy: __,
    ...spec
  } = checkCall(
    specOf(told, (index) => `image-${index + 1}`),
    call,
  );
  return { ...told, spec };
}

/** Held to the schema at each call, so that the error's stack names the caller's line. */
function checkCall(spec: Spec, call: string): Spec {
  return checkSpec(specSchema, spec, () => call);
}
