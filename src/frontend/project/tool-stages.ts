import type { Definition } from "../../graph/definition.ts";
import type { Spec } from "../spec/schema.ts";
import type { WhereKey } from "../spec/to-definition.ts";
import { assertIsLent, imageDefinition } from "../spec/to-loaded-spec.ts";
import { type FoundImage, isStaged, toDefinedStages } from "../spec/to-stages.ts";
import type { DetectOptions, LoadedStages } from "./loaded-project.ts";
import type { ProjectFiles } from "./project-files.ts";
import { settledStages } from "./settled-stages.ts";

/**
 * The image of `[tool.cambium]` in stages, where it has more than packages and files.
 * @throws CambiumError as `toDefinedStages` and `chooseBase`.
 */
export function toolStages(
  files: ProjectFiles,
  spec: Spec,
  where: WhereKey,
  found: FoundImage,
  options: DetectOptions,
):
  | { readonly definition: Definition; readonly stages: LoadedStages; readonly notices: readonly string[] }
  | undefined {
  const stages = isStaged(spec) ? toDefinedStages(spec, where, found) : undefined;
  assertIsLent(spec, stages, where);
  if (stages === undefined) return undefined;
  const settled = settledStages(files, stages, options);
  return { ...settled, definition: imageDefinition(settled.stages, where) };
}
