import { arch, platform as system } from "node:os";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { pythonVersionOf } from "../../ecosystems/debian/suites.ts";
import { cacheTag, isExactVersion, minorOf } from "../../ecosystems/python/bytecode/bytecode.ts";
import {
  askPython,
  type PythonProgram,
  type UnpackedPython,
} from "../../ecosystems/python/bytecode/compile.ts";
import type { Interpreter } from "../../ecosystems/python/target.ts";
import { type CambiumError, environmentError, messageOf } from "../../errors.ts";
import type { Definition } from "../../graph/definition.ts";
import { digestOf, hexOf } from "../../layer/digest.ts";
import { formatPlatform, machinePlatform, type Platform } from "../../platform.ts";
import { interpreterArgv, interpreterDebs } from "../debian-interpreter.ts";
import { wantedDeb } from "../debian-segments.ts";
import type { BaseImage } from "../opened-base.ts";
import { type Locate, makeSegments } from "../segments.ts";
import { toolFolder, unpackSegment } from "../tool-folder.ts";
import type { Workbench } from "../workbench.ts";

/** The interpreter of the image as it runs here, or why none does. */
export type TargetPython =
  | { readonly program: PythonProgram }
  | { readonly absence: string; readonly error: CambiumError };

export type TargetPythonRequest = {
  readonly definition: Definition;
  readonly lock: Pick<CambiumLock, "base" | "debian">;
  readonly platform: Platform;
  readonly interpreter: Interpreter;
  /** Absent on the computed Debian. */
  readonly base?: BaseImage;
  readonly locateDebs: Locate;
};

/**
 * The very CPython that the image has, unpacked into the store and started by its own loader. Bytecode is the same on
 * every machine, so for an image of another architecture this machine's build of the same version does.
 */
export async function targetPython(request: TargetPythonRequest, bench: Workbench): Promise<TargetPython> {
  const { version } = request.interpreter;
  try {
    if (!isExactVersion(version)) throw new Error(`the exact version of its Python ${version} is not known`);
    if (system() !== "linux" || !["arm64", "x64"].includes(arch()))
      throw new Error(`no Python of an image runs on ${system()} ${arch()}`);
    const unpacked = await unpackedPython(request, bench);
    const { program, greeting } = await usable(unpacked, request.base === undefined);
    const wanted = `${cacheTag(minorOf(version))} ${version}`;
    if (greeting.replace(/\+$/, "") !== wanted) throw new Error(`it is ${greeting}, and ${wanted} is wanted`);
    return { program };
  } catch (cause) {
    bench.signal.throwIfAborted();
    const absence = `no Python ${version} for ${formatPlatform(request.platform)} runs here: ${messageOf(cause)}`;
    const hint = "Build without bytecode: --no-bytecode.";
    return { absence, error: environmentError("PYTHON_UNUSABLE", absence, hint, cause) };
  }
}

/** Confined where this account may make namespaces; else what Debian signed runs as it is, and nothing of others. */
async function usable(unpacked: UnpackedPython, isSigned: boolean) {
  const confined = { ...unpacked, isConfined: true };
  try {
    return { program: confined, greeting: await askPython(confined) };
  } catch (error) {
    if (!isSigned) throw error;
    const program = { ...unpacked, isConfined: false };
    return { program, greeting: await askPython(program) };
  }
}

async function unpackedPython(request: TargetPythonRequest, bench: Workbench): Promise<UnpackedPython> {
  const { base, lock, platform } = request;
  if (base === undefined) return debianPython(request, bench);
  const { imagePython } = await import("./image-python.ts");
  return imagePython(base, lock.base, platform, bench);
}

/** Of the computed Debian; the lock has the packages of both architectures. */
async function debianPython(
  { definition, lock, interpreter, locateDebs }: TargetPythonRequest,
  bench: Workbench,
): Promise<UnpackedPython> {
  const { architecture } = machinePlatform();
  const locked = lock.debian?.targets[architecture];
  if (lock.debian === undefined || locked === undefined) {
    throw new Error(`the lock has no packages for linux/${architecture}`);
  }
  const other = pythonVersionOf(lock.debian, architecture);
  if (other !== interpreter.version) throw new Error(`for linux/${architecture} the lock has ${other}`);
  const minor = minorOf(interpreter.version);
  const debs = interpreterDebs(locked, minor).map((deb) => wantedDeb(deb, definition.base.keep));
  const key = hexOf(digestOf(debs.map(({ id }) => id).join("\n"))).slice(0, 16);
  const root = await toolFolder(bench.store, `bytecode-${minor}-${key}`, async (folder) => {
    for (const segment of await makeSegments(debs, bench, locateDebs))
      unpackSegment(segment, folder, bench.store);
  });
  return { root, argv: interpreterArgv("", minor, architecture) };
}
