import { usageError } from "../../errors.ts";

/** What a project is written as, as far as flags care: `spec` is a cambium.yaml or a cambium.ts. */
export type ProjectForm = "dockerfile" | "spec" | "python";

type FlagRule = {
  /** Where it means something. */
  readonly forms: readonly ProjectForm[];
  /** The way out for everyone else. */
  readonly instead: string;
};

const DOCKERFILE = ["dockerfile"] as const;
const PACKAGES = ["spec", "python"] as const;
const NAME_ONE = "Leave it out, or name a Dockerfile with -f.";

/**
 * Flags that not every kind of project understands; all others are for all. One that would change nothing is refused:
 * who gives it believes that it does.
 */
const RULES: Readonly<Record<string, FlagRule>> = {
  "--target": { forms: DOCKERFILE, instead: NAME_ONE },
  "--build-arg": { forms: DOCKERFILE, instead: NAME_ONE },
  "--build-context": { forms: DOCKERFILE, instead: NAME_ONE },
  "--secret": { forms: DOCKERFILE, instead: NAME_ONE },
  "--ssh": { forms: DOCKERFILE, instead: NAME_ONE },
  "--network": { forms: DOCKERFILE, instead: NAME_ONE },
  "--allow": { forms: DOCKERFILE, instead: NAME_ONE },
  "--ca-bundle": {
    forms: DOCKERFILE,
    instead: `${NAME_ONE} SSL_CERT_FILE is for what Cambium itself fetches.`,
  },
  "--on-error": { forms: DOCKERFILE, instead: NAME_ONE },
  "--no-cache=STAGE": { forms: DOCKERFILE, instead: "Write --no-cache alone, or name a Dockerfile with -f." },
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
  "--debian-mirror": { forms: PACKAGES, instead: "Set it in the Dockerfile, where apt reads it." },
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
  spec: "a cambium.yaml or cambium.ts",
  python: "a Python project",
};

/** @throws CambiumError `FLAG_UNFIT` for the first of the given flags that a project of this form does not know. */
export function assertFlagsFit(flags: readonly string[], form: ProjectForm): void {
  for (const flag of flags) {
    const rule = RULES[flag];
    if (rule === undefined || rule.forms.includes(form)) continue;
    throw usageError("FLAG_UNFIT", `${flag} means nothing for ${FORMS[form]}`, rule.instead);
  }
}
