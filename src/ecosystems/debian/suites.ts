import { CambiumError } from "../../errors.ts";
import type { Architecture, Archive, DebianLock, Suite } from "./lock.ts";
import { upstreamVersion } from "./version.ts";

/** `X.Y` of the suite's python3; it never changes within a suite. */
const PYTHON: Readonly<Record<Suite, string>> = { bookworm: "3.11", trixie: "3.13" };
const GLIBC: Readonly<Record<Suite, readonly [number, number]>> = { bookworm: [2, 36], trixie: [2, 41] };

/** A pocket of a suite: its folder below `dists/` of an archive, and the component that is read there. */
export type Pocket = { readonly archive: Archive; readonly folder: string };

/** Where a suite's packages come from: the suite, its updates, and security. */
export function pocketsOf(suite: Suite): readonly Pocket[] {
  return [
    { archive: "debian", folder: suite },
    { archive: "debian", folder: `${suite}-updates` },
    { archive: "debian-security", folder: `${suite}-security` },
  ];
}

/** The suite's Python as `X.Y`. */
export function debianPython(suite: Suite): string {
  return PYTHON[suite];
}

/** The suite's C library. */
export function debianGlibc(suite: Suite): readonly [major: number, minor: number] {
  return GLIBC[suite];
}

/**
 * The exact Python of a target, such as `3.11.2`, which markers are evaluated with.
 * @throws CambiumError `DEBIAN_NO_PYTHON` when the lock has none for the architecture.
 */
export function pythonVersionOf(lock: DebianLock, architecture: Architecture): string {
  const name = `python${PYTHON[lock.suite]}`;
  const debs = lock.targets[architecture] ?? [];
  const deb = debs.find((one) => one.name === name) ?? debs.find((one) => one.name === `${name}-minimal`);
  const version = /^\d+\.\d+\.\d+/.exec(upstreamVersion(deb?.version ?? ""))?.[0];
  if (version === undefined) {
    throw new CambiumError("DEBIAN_NO_PYTHON", `the lock has no ${name} for ${architecture}`, {
      hint: "Make the lock anew: cambium lock",
    });
  }
  return version;
}
