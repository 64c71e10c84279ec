import { isFile, type ProjectFiles } from "./project-files.ts";

/** What runs when nobody says otherwise. Without `cmd` there was nothing to go by, and `notice` says so. */
export type FoundCommand = { readonly cmd?: readonly string[]; readonly notice?: string };

/** Files that name themselves the start of a program, the most explicit first. */
const MAIN_FILES = ["__main__.py", "app.py", "main.py"];

/**
 * The command of a project: its only script, or the one that is named like it; else the module's `__main__`; else the
 * first of `__main__.py`, `app.py`, `main.py`.
 */
export function findCommand(
  files: ProjectFiles,
  installed:
    | { readonly name: string; readonly scripts: readonly string[]; readonly modules: readonly string[] }
    | undefined,
): FoundCommand {
  const scripts = [...(installed?.scripts ?? [])].sort();
  if (installed !== undefined && scripts.length > 0) {
    const script = scripts.length === 1 ? scripts[0] : scripts.find((name) => sameName(name, installed.name));
    if (script !== undefined) return { cmd: [script] };
    return {
      notice: `The project has several commands (${scripts.join(", ")}); the image has none. Set cmd in [tool.cambium].`,
    };
  }
  const module = installed?.modules.find((path) => isFile(files, `${path}/__main__.py`));
  if (module !== undefined) return { cmd: ["python", "-m", module.slice(module.lastIndexOf("/") + 1)] };
  const main = MAIN_FILES.find((name) => files.names.has(name));
  if (main !== undefined) return { cmd: ["python", main] };
  return {
    notice: `No command was found (neither [project.scripts] nor ${MAIN_FILES.join(", ")}); the image has none. Set cmd in [tool.cambium].`,
  };
}

function sameName(a: string, b: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[-_.]+/g, "-");
  return plain(a) === plain(b);
}
