import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import { answersRequest, type DebianLock } from "../ecosystems/debian/lock.ts";
import type { LockedBase } from "../ecosystems/locked-base.ts";
import type { Base, Definition } from "../graph/definition.ts";
import type { Platform } from "../platform.ts";
import { debianRequest } from "./debian-request.ts";
import { debianTools } from "./debian-tools.ts";
import { mirrorsOf } from "./mirrors.ts";
import type { Workbench } from "./workbench.ts";

/** What of a request decides the base and the packages of Debian. */
export type BaseRequest = {
  readonly definition: Pick<Definition, "base">;
  /** The lock must answer for each of these. */
  readonly platforms: readonly Platform[];
  /** The lock answers for these too where it can. */
  readonly optionalPlatforms?: readonly Platform[];
  readonly debianMirror?: string;
  readonly upgrade: boolean | readonly string[];
  /** `--pull`: an image of a registry is looked up again, whatever was chosen before. */
  readonly pull: boolean;
  /** Judges the dates of Debian's indices. */
  readonly now: Date;
};

/**
 * The image of a registry that everything stands on: an earlier choice, or what the reference points to now.
 * @throws CambiumError as `resolveBase`.
 */
export async function obtainBase(
  request: BaseRequest,
  previous: LockedBase | undefined,
  bench: Workbench,
): Promise<LockedBase | undefined> {
  const { base } = request.definition;
  if (base.kind === "debian") return undefined;
  const isKept = request.upgrade !== true && !request.pull && answersBase(previous, request);
  if (isKept) return previous;
  const { resolveBase } = await import("./resolve-base.ts");
  return resolveBase(base.reference, request.platforms, bench);
}

/** Whether a lock says all that a request asks for of base and Debian. */
export function answersSystem(lock: Pick<CambiumLock, "base" | "debian">, request: BaseRequest): boolean {
  if (request.definition.base.kind === "image" && !answersBase(lock.base, request)) return false;
  const wanted = requestOf(request, lock.base);
  return wanted === undefined || (lock.debian !== undefined && answersRequest(lock.debian, wanted));
}

function answersBase(
  lock: LockedBase | undefined,
  { definition, platforms }: BaseRequest,
): lock is LockedBase {
  return (
    isOf(definition.base, lock) &&
    platforms.every(({ architecture }) => lock.targets[architecture] !== undefined)
  );
}

function isOf(base: Base, lock: LockedBase | undefined): lock is LockedBase {
  return base.kind === "image" && lock?.reference === base.reference;
}

/** Debian's own lock answers for every platform that is known; an image of a registry is read for those to build. */
function requestOf({ definition, platforms, optionalPlatforms }: BaseRequest, base: LockedBase | undefined) {
  const all = base === undefined ? [...platforms, ...(optionalPlatforms ?? [])] : platforms;
  return debianRequest(definition.base, base, all);
}

/**
 * Debian's packages: the computed base, or what is added to an image of a registry.
 * @param prepare called before anything is downloaded
 * @throws CambiumError as `resolveDebian`; `BASE_NO_APT`, `MIRROR_UNKNOWN`.
 */
export async function obtainDebian(
  request: BaseRequest,
  base: LockedBase | undefined,
  previous: Pick<CambiumLock, "base" | "debian"> | undefined,
  prepare: () => Promise<unknown>,
  bench: Workbench,
): Promise<DebianLock | undefined> {
  const wanted = requestOf(request, base);
  if (wanted === undefined) return undefined;
  const before = previous?.debian;
  // What has to be added depends on what the very base has.
  const isSameBase = base?.digest === previous?.base?.digest;
  const isKept = request.upgrade === false && isSameBase && before !== undefined;
  if (isKept && answersRequest(before, wanted)) return before;
  await prepare();
  const { resolveDebian } = await import("../ecosystems/debian/resolve.ts");
  const { now, upgrade } = request;
  const present = base && (await installedOn(base, request.platforms, bench));
  const mirrors = mirrorsOf(request);
  return resolveDebian(
    { ...wanted, mirrors, now, previous: before, upgrade, ...(present && { present }) },
    debianTools(bench),
  );
}

async function installedOn(base: LockedBase, platforms: readonly Platform[], bench: Workbench) {
  const { openBaseImage } = await import("./base-image.ts");
  const found = await Promise.all(
    platforms.map(
      async (platform) =>
        [platform.architecture, (await openBaseImage(base, platform, bench)).facts.debs] as const,
    ),
  );
  return new Map(found);
}
