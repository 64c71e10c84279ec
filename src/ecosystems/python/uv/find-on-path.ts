import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The first executable of that name on PATH. Relative entries are passed over: they would depend on the folder. */
export function findOnPath(env: Environment, name: string): string | undefined {
  return allOnPath(env, name)[0];
}

/** All executables of that name, in the order of PATH. */
export function allOnPath(env: Environment, name: string): string[] {
  const suffixes = process.platform === "win32" ? [".exe", ".cmd", ".bat"] : [""];
  const folders = (env.PATH ?? env.Path ?? "").split(delimiter).filter(isAbsolute);
  return folders
    .flatMap((folder) => suffixes.map((suffix) => join(folder, `${name}${suffix}`)))
    .filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
