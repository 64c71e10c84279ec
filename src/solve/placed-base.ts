import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import type { LockedBaseTarget } from "../ecosystems/locked-base.ts";
import type { Platform } from "../platform.ts";
import { findBase } from "./base-documents.ts";
import { resolveBase } from "./resolve-base.ts";
import type { Workbench } from "./workbench.ts";

/**
 * A lock on the base that stands in the place of its own now. Undefined where its choices may not fit that: another
 * Python or C library, or packages of Debian that were added to another image.
 * @throws CambiumError as `resolveBase`.
 */
export async function onPlacedBase(
  lock: CambiumLock,
  reference: string,
  platforms: readonly Platform[],
  bench: Workbench,
): Promise<CambiumLock | undefined> {
  const { base: before } = lock;
  if (before === undefined) return undefined;
  const { images } = await findBase(reference, platforms, bench);
  const isSame = platforms.every(
    ({ architecture }, i) => before.targets[architecture]?.digest === images[i]!.digest,
  );
  if (isSame) return lock;
  if (lock.debian !== undefined) return undefined;
  const base = await resolveBase(reference, platforms, bench);
  const isAlike = platforms.every(({ architecture }) =>
    suitsAlike(before.targets[architecture], base.targets[architecture]),
  );
  return isAlike ? { ...lock, base } : undefined;
}

/** Whether the same wheels fit. */
function suitsAlike(a: LockedBaseTarget | undefined, b: LockedBaseTarget | undefined): boolean {
  return a?.python?.version === b?.python?.version && a?.glibc === b?.glibc;
}
