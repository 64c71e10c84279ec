import type { ToolSettings } from "../spec/schema.ts";
import type { WhereKey } from "../spec/to-definition.ts";
import { type ProjectFiles, readText, type Table, tableAt } from "./project-files.ts";
import { tomlLines } from "./toml-lines.ts";

const FILE = "pyproject.toml";

/** `[tool.cambium]`, and where in the file something of it stands. */
export type ReadToolSettings = { readonly settings: ToolSettings; readonly where: WhereKey };

/**
 * `[tool.cambium]`, by the schema of cambium.yaml. The schema's library is loaded only when there is such a table: it
 * takes 80 ms, which a project without configuration need not spend.
 * @throws CambiumError `SPEC_UNKNOWN_KEY`, `SPEC_INVALID` with the line.
 */
export async function readToolSettings(
  files: ProjectFiles,
  pyproject: Table | undefined,
): Promise<ReadToolSettings> {
  const table = tableAt(pyproject, "tool", "cambium");
  if (Object.keys(table).length === 0) return { settings: {}, where: (key) => `${FILE}: ${key}` };
  const [{ checkSpec }, { toolSchema }] = await Promise.all([
    import("../spec/check.ts"),
    import("../spec/schema.ts"),
  ]);
  let lines: ReturnType<typeof tomlLines> | undefined;
  const locate = (path: readonly PropertyKey[]) => {
    lines ??= tomlLines(readText(files, FILE) ?? "");
    return `${FILE}:${lines(["tool", "cambium", ...path])}: [tool.cambium]`;
  };
  return { settings: checkSpec(toolSchema, table, locate), where: (...path) => locate(path) };
}
