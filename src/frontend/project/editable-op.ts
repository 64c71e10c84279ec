import type { GenerateOp } from "../spec/to-steps.ts";
import type { StaticPackage } from "./static-package.ts";

/** The project as an editable install: its dist-info, scripts and path file, pointing into `workdir`. */
export async function editableOp(own: StaticPackage, workdir: string): Promise<GenerateOp> {
  // Loaded when needed: most projects are no packages.
  const { editableInstall } = await import("../../ecosystems/python/wheel/editable.ts");
  const { layout, ...project } = own;
  const files = editableInstall(project, { root: workdir, roots: layout.roots });
  return { op: "generate", name: `${own.name} ${own.version}`, files };
}
