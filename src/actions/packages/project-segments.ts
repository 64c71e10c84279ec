import type { Segment } from "../../layer/segment.ts";
import { projectFiles } from "../../solve/project-files.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Prepared } from "../prepare.ts";
import type { ProjectSettings } from "../settings.ts";

/** The project's own files, as `projectFiles`. */
export function projectSegments(
  { project, accounts }: Prepared,
  { sourceDateEpoch }: ProjectSettings,
  bench: Workbench,
): Promise<Segment[]> {
  const { definition, context } = project.loaded;
  const options = {
    ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    ...(accounts !== undefined && { accounts }),
  };
  return projectFiles(definition, context, options, bench);
}
