import { usageError } from "../../errors.ts";

/**
 * What a project is written as, as far as flags care: `spec` is a cambium.yaml or a cambium.ts, `stages` one with
 * commands or stages, wherever they are written.
 */
export type ProjectForm = "dockerfile" | "stages" | "spec" | "python";

type FlagRule = {
  /** Where it means something. */
  readonly forms: readonly ProjectForm[];
  /** The way out for everyone else. */
  readonly instead: string;
};

const DOCKERFILE = ["dockerfile"] as const;
const STEPS = ["dockerfile", "stages"] as const;
const PACKAGES = ["stages", "spec", "python"] as const;
const NAME_ONE = "Leave it out, or name a Dockerfile with -f.";
const NAME_STEPS = "Leave it out, or name a Dockerfile, or a cambium.yaml with stages, with -f.";

/**
 * Flags that not every kind of project understands; all others are for all. One that would change nothing is refused:
 * who gives it believes that it does.
 */
const RULES: Readonly<Record<string, FlagRule>> = {
  "--target": { forms: STEPS, instead: NAME_STEPS },
  "--build-arg": { forms: DOCKERFILE, instead: NAME_ONE },
  "--secret": { forms: STEPS, instead: NAME_STEPS },
  "--ssh": { forms: STEPS, instead: NAME_STEPS },
  "--network": { forms: STEPS, instead: NAME_STEPS },
  "--allow": { forms: STEPS, instead: NAME_STEPS },
  "--ca-bundle": {
    forms: STEPS,
    instead: `${NAME_STEPS} SSL_CERT_FILE is for what Cambium itself fetches.`,
  },
  "--on-error": { forms: STEPS, instead: NAME_STEPS },
  "--no-cache=STAGE": { forms: STEPS, instead: "Write --no-cache alone, or name a Dockerfile with -f." },
  "--python": {
    forms: PACKAGES,
    instead: "Write the version into FROM, with an ARG before it where it is to be given: --build-arg.",
  },
  "--extra": { forms: PACKAGES, instead: "Write it where the Dockerfile installs the project." },
  "--group": { forms: PACKAGES, instead: "Write it where the Dockerfile installs the project." },
  "--base": {
    forms: PACKAGES,
    instead: "Change FROM, or put an image in its place: --build-context NAME=docker-image://IMAGE.",
  },
  "--default-index": {
    forms: PACKAGES,
    instead: "Give it to the RUN that installs, as a --build-arg, or as a --secret where it has a password.",
  },
  "--index": {
    forms: PACKAGES,
    instead: "Give it to the RUN that installs, as a --build-arg, or as a --secret where it has a password.",
  },
};

const FORMS: Readonly<Record<ProjectForm, string>> = {
  dockerfile: "a Dockerfile",
  stages: "a project with commands or stages",
  spec: "a cambium.yaml or cambium.ts without stages",
  python: "a Python project",
};

/** Once the project is read: a spec may have stages, and so may a pyproject.toml. */
export function formOf(found: ProjectForm, { stages }: { readonly stages?: unknown }): ProjectForm {
  return stages === undefined ? found : "stages";
}

/** @throws CambiumError `FLAG_UNFIT` for the first of the given flags that a project of this form does not know. */
export function assertFlagsFit(flags: readonly string[], form: ProjectForm): void {
  for (const flag of flags) {
    const rule = RULES[flag];
    if (rule === undefined || rule.forms.includes(form)) continue;
    throw usageError("FLAG_UNFIT", `${flag} means nothing for ${FORMS[form]}`, rule.instead);
  }
}
