import type { CopySpec, Spec, StageSpec, StepSpec } from "./schema.ts";

/**
 * Where an image keeps what it was told. Told apart by this and not by class: the file of a user may load another copy
 * of this package than the command.
 */
export const TOLD = Symbol.for("cambium.image");

/** What an image was told so far. Other images are spoken of by `referenceTo` their place in `images`. */
export type Told = {
  /** But for files and commands. */
  readonly spec: Spec;
  /** In the order of the calls. */
  readonly steps: readonly StepSpec[];
  readonly images: readonly object[];
};

export const NOTHING_TOLD: Told = { spec: {}, steps: [], images: [] };

const REFERENCE = "image-";

export function referenceTo(index: number): string {
  return `${REFERENCE}${index + 1}`;
}

/** The words of the YAML that says the same; `nameOf` gives the stages' names. */
export function specOf({ spec, steps }: Told, nameOf: (index: number) => string): Spec {
  const renamed = (reference: string) => nameOf(Number(reference.slice(REFERENCE.length)) - 1);
  const { stage, diff, ...rest } = spec;
  const named = steps.map((step) => renamedStep(step, renamed));
  const copies = named.flatMap(({ copy }) => (copy === undefined ? [] : [copy as CopySpec]));
  return {
    ...rest,
    ...(stage !== undefined && { stage: renamed(stage) }),
    ...(diff !== undefined && { diff: { lower: renamed(diff.lower), upper: renamed(diff.upper) } }),
    // Files alone need no order, and nothing to run them.
    ...(copies.length === named.length ? copies.length > 0 && { copy: copies } : { steps: named }),
  };
}

/** The image with all that it speaks of as stages; they are named by the order in which they are needed. */
export function wholeSpec(told: Told): Spec {
  const names = new Map<Told, string>();
  const stages: Record<string, StageSpec> = {};
  const specWith = (one: Told): Spec => {
    const others = one.images.map((image) => nameOf((image as { readonly [TOLD]: Told })[TOLD]));
    return specOf(one, (index) => others[index]!);
  };
  const nameOf = (one: Told): string => {
    const known = names.get(one);
    if (known !== undefined) return known;
    const { platforms: _, tags: __, debianMirror: ___, gitignore: ____, ca: _____, ...stage } = specWith(one);
    const name = `stage-${names.size + 1}`;
    names.set(one, name);
    stages[name] = stage;
    return name;
  };
  const spec = specWith(told);
  return names.size === 0 ? spec : { ...spec, stages };
}

function renamedStep({ copy, run, merge, ...rest }: StepSpec, renamed: (name: string) => string): StepSpec {
  const origin = <T extends { readonly stage?: string | undefined }>({ stage, ...others }: T) =>
    stage === undefined ? others : { ...others, stage: renamed(stage) };
  return {
    ...rest,
    ...(copy !== undefined && { copy: origin(copy as CopySpec) as CopySpec }),
    ...(run !== undefined && { run: renamedRun(run, origin) }),
    ...(merge !== undefined && { merge: [merge].flat().map(renamed) }),
  };
}

type Run = NonNullable<StepSpec["run"]>;

function renamedRun(run: Run, origin: (mount: { readonly stage?: string }) => object): Run {
  if (typeof run === "string" || Array.isArray(run) || run.mounts === undefined) return run;
  return { ...run, mounts: run.mounts.map(origin as never) };
}
