import type { ToolSettings } from "../spec/schema.ts";
import { type ProjectFiles, readText, type Table, tableAt } from "./project-files.ts";

/**
 * `[tool.cambium]`, by the schema of cambium.yaml. The schema's library is loaded only when there is such a table: it
 * takes 80 ms, which a project without configuration need not spend.
 * @throws CambiumError `SPEC_UNKNOWN_KEY`, `SPEC_INVALID` with the line.
 */
export async function readToolSettings(files: ProjectFiles, pyproject: Table): Promise<ToolSettings> {
  const table = tableAt(pyproject, "tool", "cambium");
  if (Object.keys(table).length === 0) return {};
  const [{ checkSpec }, { toolSchema }] = await Promise.all([
    import("../spec/check.ts"),
    import("../spec/schema.ts"),
  ]);
  const text = readText(files, "pyproject.toml") ?? "";
  return checkSpec(toolSchema, table, (path) => `pyproject.toml:${lineOf(text, path)}: [tool.cambium]`);
}

/** Line of a key, or of its table; the TOML parser keeps no positions. */
function lineOf(text: string, path: readonly PropertyKey[]): number {
  const keys = path.filter((part) => typeof part === "string");
  const lines = text.split("\n");
  for (let depth = keys.length; depth >= 0; depth--) {
    const table = ["tool", "cambium", ...keys.slice(0, depth)].join(".");
    const header = lines.findIndex((line) => line.replace(/\s|"/g, "").startsWith(`[${table}]`));
    if (header === -1) continue;
    const key = keys[depth];
    if (key === undefined) return header + 1;
    const end = lines.findIndex((line, index) => index > header && /^\s*\[/.test(line));
    const at = lines.findIndex(
      (line, index) =>
        index > header &&
        (end === -1 || index < end) &&
        line
          .trimStart()
          .replace(/"/g, "")
          .split(/[\s=.]/)[0] === key,
    );
    return (at === -1 ? header : at) + 1;
  }
  return 1;
}
