import { usageError } from "../../errors.ts";
import { type DefinedStages, definedPackages } from "../../graph/defined-stages.ts";
import type { Definition } from "../../graph/definition.ts";
import type { Spec } from "./schema.ts";
import {
  baseOf,
  pythonInstall,
  type SpecSettings,
  toDefinition,
  toSettings,
  type WhereKey,
} from "./to-definition.ts";
import { isStaged, toDefinedStages } from "./to-stages.ts";

export type LoadedSpec = {
  /** Of an image in stages only the packages that the image itself stands on, if it does. */
  readonly definition: Definition;
  /** Absent: packages and files alone, which are composed and need nothing to run. */
  readonly stages?: DefinedStages;
  readonly settings: SpecSettings;
};

/**
 * Brings the short forms into one and fills in the defaults.
 * @throws CambiumError `SPEC_INVALID` for what the schema alone cannot see.
 */
export function toLoadedSpec(spec: Spec, where: WhereKey): LoadedSpec {
  const settings = toSettings(spec);
  const stages = isStaged(spec) ? toDefinedStages(spec, where) : undefined;
  assertIsLent(spec, stages, where);
  if (stages === undefined) {
    const python = spec.python === undefined ? undefined : pythonInstall(spec.python, where("python"));
    return { definition: toDefinition(spec, python, [], where), settings };
  }
  return { definition: imageDefinition(stages, where), stages, settings };
}

/** Of an image in stages only the packages that the image itself stands on, if it does. */
export function imageDefinition({ stages, target }: DefinedStages, where: WhereKey): Definition {
  const { base, config } = stages[target]!;
  const packages =
    base.kind === "packages" ? definedPackages(base.packages) : { base: baseOf({}, where), users: [] };
  return { ...packages, files: [], config };
}

/** As with flags: who writes something that would change nothing believes that it does. */
function assertIsLent({ ca }: Spec, stages: DefinedStages | undefined, where: WhereKey): void {
  const isRun = stages?.stages.some(({ steps }) => steps.some(({ op }) => op === "run")) === true;
  if (ca === undefined || isRun) return;
  throw usageError(
    "SPEC_INVALID",
    `${where("ca")}: ca: no command runs here that would find these certificates`,
    "Leave it out; SSL_CERT_FILE is for what Cambium itself fetches.",
  );
}
