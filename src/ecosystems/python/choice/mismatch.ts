import type { Platform } from "../../../platform.ts";
import { formatLibc, type Libc } from "../../linux/libc.ts";
import {
  glibcMinorOf,
  machineOf,
  minorOf,
  muslMinorOf,
  muslTags,
  type PythonAbi,
  platformTags,
} from "../standards/tags.ts";
import type { WheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";

/** What a wheel would have to run on. */
export type WheelPlace = PythonAbi & { readonly platform: Platform; readonly libc: Libc | undefined };

/** The first cause counts: Python, then ABI, then platform. `text` says it in a few words. */
export type Mismatch = {
  readonly cause: "python" | "abi" | "libc-version" | "libc" | "machine" | "platform";
  readonly text: string;
};

/** Why a target cannot install a wheel, as `only for CPython 3.12`, `needs glibc 2.39, the target has 2.36`. */
export function whyNot(wheel: WheelFilename, target: PythonTarget): string {
  const libc = { kind: "glibc", version: target.glibc } as const;
  return mismatchOf(wheel, { minor: minorOf(target), isFreeThreaded: false, platform: target.platform, libc })
    .text;
}

/** Why a wheel whose tags do not fit a place does not. */
export function mismatchOf(wheel: WheelFilename, place: WheelPlace): Mismatch {
  const { minor, isFreeThreaded } = place;
  if (!wheel.pythonTags.some((tag) => isPythonFit(tag, wheel.abiTags, minor))) {
    return { cause: "python", text: `only for ${wheel.pythonTags.map(pythonName).join(", ")}` };
  }
  const abis = isFreeThreaded ? [`cp3${minor}t`, "none"] : [`cp3${minor}`, "abi3", "none"];
  if (!wheel.abiTags.some((abi) => abis.includes(abi))) {
    const isThreaded = !isFreeThreaded && wheel.abiTags.some((abi) => abi.endsWith("t"));
    if (isThreaded) return { cause: "abi", text: "only for free-threaded Python" };
  } else if (!wheel.platformTags.some((tag) => tag === "any" || platformsOf(place).includes(tag))) {
    return platformMismatch(wheel.platformTags, place);
  }
  return { cause: "abi", text: `only for ABI ${wheel.abiTags.join(", ")}` };
}

/** The platform tags of a place; those without a libc version are the machine's alone. */
export function platformsOf({ platform, libc }: WheelPlace): string[] {
  if (libc?.version === undefined) return [`linux_${machineOf(platform)}`];
  const [major, minor] = libc.version;
  return libc.kind === "musl"
    ? muslTags(minor, platform)
    : platformTags({ version: "3", platform, glibc: [major, minor] });
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

function platformMismatch(tags: readonly string[], { platform, libc }: WheelPlace): Mismatch {
  const machine = machineOf(platform);
  const here = tags.filter((tag) => tag.endsWith(`_${machine}`));
  const needed = (["glibc", "musl"] as const).flatMap((kind) => {
    const minors = here
      .map(kind === "glibc" ? glibcMinorOf : muslMinorOf)
      .filter((minor) => minor !== undefined);
    return minors.length === 0
      ? []
      : [{ kind, version: [kind === "glibc" ? 2 : 1, Math.min(...minors)] as const }];
  });
  const [first] = needed;
  const same = needed.find(({ kind }) => kind === libc?.kind);
  if (same !== undefined) {
    const has = libc?.version === undefined ? "does not tell its version" : `has ${libc.version.join(".")}`;
    return { cause: "libc-version", text: `needs ${formatLibc(same)}, the target ${has}` };
  }
  if (first !== undefined) return { cause: "libc", text: `only for ${first.kind}` };
  const linux = tags.map((tag) => /^(?:many|musl)?linux(?:\d+|_\d+_\d+)?_(\w+)$/.exec(tag)?.[1]);
  const machines = linux.filter((other) => other !== undefined && other !== machine);
  if (machines.length > 0) return { cause: "machine", text: `only for ${[...new Set(machines)].join(", ")}` };
  if (tags.every((tag) => tag.startsWith("macosx"))) return { cause: "platform", text: "only for macOS" };
  if (tags.every((tag) => tag.startsWith("win"))) return { cause: "platform", text: "only for Windows" };
  return { cause: "platform", text: `only for platform ${tags.join(", ")}` };
}
