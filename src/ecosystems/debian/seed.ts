import type { LockedDeb, Variant } from "./lock.ts";
import type { Universe } from "./universe.ts";

/**
 * What a Python program needs below it: interpreter, C and C++ runtime, accounts, names, time zones, certificates.
 * Of what a manylinux wheel may expect of a system (PEP 599 and its successors), libstdc++ is the one library that many
 * wheels need, numpy's among them, and that python3 does not bring; it costs 0.7 MB.
 */
const DISTROLESS = [
  "python3",
  "libstdc++6",
  "base-files",
  "base-passwd",
  "libc-bin",
  "netbase",
  "media-types",
  "tzdata",
  "ca-certificates",
] as const;

/** A shell and the tools that scripts take for granted. */
const TOOLS = [
  "dash",
  "bash",
  "coreutils",
  "grep",
  "sed",
  "findutils",
  "gzip",
  "mawk",
  "debianutils",
  "hostname",
] as const;

/** The packages that a base starts from. */
export function seedPackages(variant: Variant): readonly string[] {
  if (variant === "none") return [];
  return variant === "distroless" ? DISTROLESS : [...DISTROLESS, ...TOOLS];
}

/**
 * Dependencies that exist for maintainer scripts alone: dpkg (for python3-minimal's), debconf (for tzdata's and
 * ca-certificates'), awk (for base-files'). No script runs, so the variant without tools goes without them, unless asked.
 */
export function scriptOnlyDependencies(variant: Variant): ReadonlySet<string> {
  return new Set(variant === "distroless" ? ["dpkg", "debconf", "debconf-2.0", "awk"] : []);
}

/**
 * What a base with apt needs besides: packages that are installed later count on every essential one without saying so
 * (Debian Policy §3.5), and so do their maintainer scripts.
 */
export function packagesForApt(debs: readonly LockedDeb[], universe: Universe): string[] {
  return debs.some(({ name }) => name === "apt") ? universe.essential() : [];
}

/**
 * Of the two ways to say that /usr is merged, the package that only says so, since every computed base is: the other, which
 * bookworm's init-system-helpers names first, merges it and brings all of Perl.
 */
export function mergedInstead(debs: readonly LockedDeb[], universe: Universe): string[] {
  const isChosen = debs.some(({ name }) => name === "usrmerge");
  return isChosen && universe.candidate("usr-is-merged") !== undefined ? ["usr-is-merged"] : [];
}
