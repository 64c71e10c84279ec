import { glibcMinorOf, machineOf, minorOf, muslMinorOf, platformTags } from "../standards/tags.ts";
import type { WheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";

/** Why a target cannot install a wheel. The first cause counts: Python, then ABI, then platform. */
export type Mismatch = {
  readonly cause: "python" | "abi" | "libc-version" | "libc" | "machine" | "platform";
  /** In a few words: `only for CPython 3.12`, `needs glibc 2.39, the target has 2.36`. */
  readonly text: string;
};

/** Of a wheel whose tags do not fit. */
export function mismatchOf(wheel: WheelFilename, target: PythonTarget): Mismatch {
  const minor = minorOf(target);
  if (!wheel.pythonTags.some((tag) => isPythonFit(tag, wheel.abiTags, minor))) {
    return { cause: "python", text: `only for ${wheel.pythonTags.map(pythonName).join(", ")}` };
  }
  const abis = [`cp3${minor}`, "abi3", "none"];
  if (!wheel.abiTags.some((abi) => abis.includes(abi))) {
    const isThreaded = wheel.abiTags.some((abi) => abi.endsWith("t"));
    if (isThreaded) return { cause: "abi", text: "only for free-threaded Python" };
  } else if (!wheel.platformTags.some((tag) => tag === "any" || platformTags(target).includes(tag))) {
    return platformMismatch(wheel.platformTags, target);
  }
  return { cause: "abi", text: `only for ABI ${wheel.abiTags.join(", ")}` };
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

function platformMismatch(tags: readonly string[], { platform, glibc }: PythonTarget): Mismatch {
  const machine = machineOf(platform);
  const here = tags.filter((tag) => tag.endsWith(`_${machine}`));
  const glibcs = here.map(glibcMinorOf).filter((minor) => minor !== undefined);
  if (glibcs.length > 0) {
    const needed = Math.min(...glibcs);
    return { cause: "libc-version", text: `needs glibc 2.${needed}, the target has ${glibc.join(".")}` };
  }
  if (here.some((tag) => muslMinorOf(tag) !== undefined)) return { cause: "libc", text: "only for musl" };
  const linux = tags.map((tag) => /^(?:many|musl)?linux(?:\d+|_\d+_\d+)?_(\w+)$/.exec(tag)?.[1]);
  const machines = linux.filter((other) => other !== undefined && other !== machine);
  if (machines.length > 0) return { cause: "machine", text: `only for ${[...new Set(machines)].join(", ")}` };
  if (tags.every((tag) => tag.startsWith("macosx"))) return { cause: "platform", text: "only for macOS" };
  if (tags.every((tag) => tag.startsWith("win"))) return { cause: "platform", text: "only for Windows" };
  return { cause: "platform", text: `only for platform ${tags.join(", ")}` };
}
