import { existsSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "../scripts/process.ts";
import { benchCache } from "./folders.ts";

export type Python = { readonly executable: string; readonly version: string };

let found: Promise<Python> | undefined;

/** The Python 3.11 of this machine, as itself: a shim that looks it up each time would slow down what we are compared with. */
export function python(): Promise<Python> {
  found ??= find();
  return found;
}

async function find(): Promise<Python> {
  const code = "import sys; print(sys.executable, '%d.%d.%d' % sys.version_info[:3])";
  for (const name of ["python3.11", "python3"]) {
    const { exitCode, stdout } = await runProcess(name, ["-c", code]).catch(() => ({
      exitCode: 1,
      stdout: "",
    }));
    const [executable = "", version = ""] = stdout.trim().split(" ");
    if (exitCode === 0 && version.startsWith("3.11.")) return { executable, version };
  }
  throw new Error("the benches need Python 3.11 on PATH: their wheels are for it");
}

export const pipVersion = "26.3";

/**
 * Folder for PYTHONPATH that holds the pinned pip alone, so that `python -m pip` of any virtual environment is this one
 * without being installed in it.
 */
export async function pipFolder(): Promise<string> {
  const folder = join(benchCache, `pip-${pipVersion}`);
  if (existsSync(join(folder, "pip"))) return folder;
  const { executable } = await python();
  const args = ["-m", "pip", "install", "--quiet", "--target", folder, `pip==${pipVersion}`];
  const { exitCode, stderr } = await runProcess(executable, args);
  if (exitCode !== 0) throw new Error(`cannot install pip ${pipVersion}:\n${stderr}`);
  return folder;
}
