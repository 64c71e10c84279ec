import { formatPlatform } from "../../../platform.ts";
import type { PythonTarget } from "../target.ts";

/** For people: `CPython 3.11 on linux/amd64 (glibc 2.36)`. */
export function describeTarget(target: PythonTarget): string {
  const python = target.version.split(".").slice(0, 2).join(".");
  return `CPython ${python} on ${formatPlatform(target.platform)} (glibc ${target.glibc.join(".")})`;
}
