import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import { debianGlibc, pythonVersionOf } from "../ecosystems/debian/suites.ts";
import type { LockedBase } from "../ecosystems/locked-base.ts";
import type { PythonTarget } from "../ecosystems/python/target.ts";
import { usageError } from "../errors.ts";
import type { Platform } from "../platform.ts";

/**
 * The interpreter and machine of one platform on the locked base.
 * @throws CambiumError `BASE_NO_PYTHON`, `BASE_NO_GLIBC`.
 */
export function pythonTarget(lock: CambiumLock, platform: Platform): PythonTarget {
  if (lock.base !== undefined) return imageTarget(lock.base, platform);
  if (lock.debian === undefined) throw new TypeError("a lock without a base has no Python");
  return {
    version: pythonVersionOf(lock.debian, platform.architecture),
    platform,
    glibc: debianGlibc(lock.debian.suite),
  };
}

/** What an image stands on, as messages name it. */
export function baseName(
  base: Pick<LockedBase, "reference"> | undefined,
  debian: CambiumLock["debian"],
): string {
  return base === undefined ? `the computed Debian ${debian?.suite}` : `base ${base.reference}`;
}

/** The program behind the environment's `python`, absolute. @throws CambiumError as `pythonTarget`. */
export function interpreterOf(lock: CambiumLock, platform: Platform): string {
  if (lock.base !== undefined) return targetOf(lock.base, platform).python.path;
  const [major, minor] = pythonTarget(lock, platform).version.split(".");
  return `/usr/bin/python${major}.${minor}`;
}

function imageTarget(base: LockedBase, platform: Platform): PythonTarget {
  const { python, glibc } = targetOf(base, platform);
  if (glibc === undefined) {
    throw usageError(
      "BASE_NO_GLIBC",
      `base ${base.reference}: its C library is not glibc, so wheels for Linux (manylinux) do not run on it`,
      "Choose a base with glibc, such as a Debian or Ubuntu one; alpine has musl.",
    );
  }
  const [major = 0, minor = 0] = glibc.split(".").map(Number);
  return { version: python.version, platform, glibc: [major, minor] };
}

function targetOf(base: LockedBase, { architecture }: Platform) {
  const target = base.targets[architecture];
  if (target?.python === undefined) {
    throw usageError(
      "BASE_NO_PYTHON",
      `base ${base.reference}: no Python for linux/${architecture} found in it (looked in /usr/local/bin, /usr/bin, /opt)`,
      "Choose a base with Python, such as python:3.12-slim, or add python3 with apt:.",
    );
  }
  return { ...target, python: target.python };
}
