import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PythonProgram } from "../../ecosystems/python/bytecode/compile.ts";
import type { LibraryModules } from "../../ecosystems/python/bytecode/library.ts";
import { environmentError } from "../../errors.ts";
import { digestOf } from "../../layer/digest.ts";

/**
 * A module of the standard library as it was unpacked with an interpreter: that of an image for another architecture
 * might have another one, and the folder is only a cache.
 * @throws CambiumError `PYTHON_UNUSABLE` when it is not the image's.
 */
export function unpackedModule(
  { root }: Pick<PythonProgram, "root">,
  [path, digest]: LibraryModules[number],
): Buffer {
  let content: Buffer | undefined;
  let reason: unknown;
  try {
    content = readFileSync(join(root, path));
  } catch (error) {
    reason = error;
  }
  if (content !== undefined && digestOf(content) === digest) return content;
  throw environmentError(
    "PYTHON_UNUSABLE",
    `the Python that was unpacked has another ${path} than the image`,
    "Build without bytecode: --no-bytecode.",
    reason,
  );
}
