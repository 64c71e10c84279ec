import { dirname, join } from "node:path/posix";
import type { PythonSource } from "../../graph/definition.ts";
import { type ProjectFiles, readText, readToml, tableAt, tomlString } from "./project-files.ts";
import { type PythonStatement, pinFromFile } from "./suite.ts";

/**
 * All that a project says about its Python: `python` (a flag) or else .python-version, and requires-python of the
 * source and of the pyproject.toml beside it. A script speaks for itself alone.
 */
export function pythonStatements(
  files: ProjectFiles,
  source: PythonSource,
  python: string | undefined,
): readonly PythonStatement[] {
  const statements: PythonStatement[] = [];
  const pin =
    python === undefined
      ? pinFromFile(readText(files, ".python-version") ?? "")
      : ({ kind: "pin", value: python, where: "--python" } as const);
  if (pin !== undefined) statements.push(pin);
  const add = (kind: PythonStatement["kind"], value: unknown, where: string) => {
    const isNew = !statements.some((known) => known.value === value);
    if (typeof value === "string" && isNew) statements.push({ kind, value, where });
  };
  if (source.kind === "script") {
    const text = readText(files, source.path) ?? "";
    add("specifier", scriptRequiresPython(text), `${source.path}: requires-python`);
    return statements;
  }
  const path = pathOf(source);
  const pyproject = join(dirname(path), "pyproject.toml");
  const project = tableAt(readToml(files, pyproject), "project");
  add("specifier", project["requires-python"], `${pyproject}: requires-python`);
  if (source.kind === "uv-lock" || source.kind === "pylock") {
    add(
      "specifier",
      tomlString(readText(files, path) ?? "", "", "requires-python"),
      `${path}: requires-python`,
    );
  } else if (source.kind === "poetry-lock") {
    add(
      "poetry",
      tomlString(readText(files, path) ?? "", "metadata", "python-versions"),
      `${path}: python-versions`,
    );
  }
  return statements;
}

function pathOf(source: Exclude<PythonSource, { kind: "script" }>): string {
  if (source.kind === "specifiers") return "pyproject.toml";
  return source.kind === "requirements" ? (source.paths[0] ?? "requirements.txt") : source.path;
}

/** From the comment block of PEP 723, which is TOML behind `# `. */
function scriptRequiresPython(text: string): string | undefined {
  const block = /^# \/\/\/ script\s*\n((?:#(?: .*)?\r?\n)*?)# \/\/\/\s*$/m.exec(text)?.[1];
  return block === undefined ? undefined : tomlString(block.replace(/^# ?/gm, ""), "", "requires-python");
}
