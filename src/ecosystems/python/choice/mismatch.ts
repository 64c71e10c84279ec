import { minorOf, platformTags } from "../standards/tags.ts";
import type { WheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";

/**
 * Why a target cannot install a wheel, in a few words: `only for CPython 3.12`, `needs glibc 2.39, the target has 2.36`.
 * The first cause found counts: Python, then ABI, then platform.
 */
export function whyNot(wheel: WheelFilename, target: PythonTarget): string {
  const minor = minorOf(target);
  if (!wheel.pythonTags.some((tag) => isPythonFit(tag, wheel.abiTags, minor))) {
    return `only for ${wheel.pythonTags.map(pythonName).join(", ")}`;
  }
  const abis = [`cp3${minor}`, "abi3", "none"];
  if (!wheel.abiTags.some((abi) => abis.includes(abi))) {
    const isThreaded = wheel.abiTags.some((abi) => abi.endsWith("t"));
    return isThreaded ? "only for free-threaded Python" : `only for ABI ${wheel.abiTags.join(", ")}`;
  }
  if (wheel.platformTags.some((tag) => tag === "any" || platformTags(target).includes(tag))) {
    return `only for ABI ${wheel.abiTags.join(", ")}`;
  }
  return platformReason(wheel.platformTags, target);
}

function isPythonFit(tag: string, abis: readonly string[], minor: number): boolean {
  const match = /^(cp|py)3(\d*)$/.exec(tag);
  if (match === null) return false;
  const [, kind, tagMinor] = match;
  if (tagMinor === "") return kind === "py";
  if (kind === "py" || abis.includes("abi3")) return Number(tagMinor) <= minor;
  return Number(tagMinor) === minor;
}

function pythonName(tag: string): string {
  const match = /^(cp|py|pp)(\d)(\d*)$/.exec(tag);
  if (match === null) return tag;
  const [, kind, major, minor] = match;
  const name = kind === "cp" ? "CPython" : kind === "pp" ? "PyPy" : "Python";
  return `${name} ${major}${minor === "" ? "" : `.${minor}`}`;
}

function platformReason(tags: readonly string[], target: PythonTarget): string {
  const machine = target.platform.architecture === "arm64" ? "aarch64" : "x86_64";
  const here = tags.filter((tag) => tag.endsWith(`_${machine}`));
  const glibcs = here
    .map((tag) => /^manylinux_2_(\d+)_/.exec(tag)?.[1])
    .filter((minor) => minor !== undefined);
  if (glibcs.length > 0) {
    return `needs glibc 2.${Math.min(...glibcs.map(Number))}, the target has ${target.glibc.join(".")}`;
  }
  if (here.some((tag) => tag.startsWith("musllinux"))) return "only for musl";
  const linux = tags.map((tag) => /^(?:many|musl)?linux(?:\d+|_\d+_\d+)?_(\w+)$/.exec(tag)?.[1]);
  const machines = linux.filter((other) => other !== undefined && other !== machine);
  if (machines.length > 0) return `only for ${[...new Set(machines)].join(", ")}`;
  if (tags.every((tag) => tag.startsWith("macosx"))) return "only for macOS";
  if (tags.every((tag) => tag.startsWith("win"))) return "only for Windows";
  return `only for platform ${tags.join(", ")}`;
}
