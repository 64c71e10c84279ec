import { canonicalJson } from "../../canonical-json.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import type { LockedDistribution } from "../../ecosystems/python/lock.ts";
import type { KeyPackage, PackagesDocument } from "../../explain/documents.ts";
import type { Definition } from "../../graph/definition.ts";
import { digestOf } from "../../layer/digest.ts";
import type { SegmentId } from "../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import { pythonTarget } from "../../solve/python-target.ts";
import { withoutPlaces } from "./image-key.ts";

export type DocumentedImage = {
  readonly definition: Definition;
  readonly lock: Pick<CambiumLock, "base" | "debian" | "python">;
  readonly platform: Platform;
  readonly files: readonly SegmentId[];
  /** RFC 3339. */
  readonly created: string;
};

/** What `imageKey` is the digest of, for people: packages by name and version, one platform's part of the lock. */
export function packagesDocument(image: DocumentedImage): PackagesDocument {
  const { definition, lock, platform, files, created } = image;
  const { architecture } = platform;
  const { base, python } = definition;
  const baseDigest = lock.base?.targets[architecture]?.digest;
  const { source, extras, groups } = python ?? {};
  return {
    op: "packages",
    platform: formatPlatform(platform),
    layoutVersions: LAYOUT_VERSIONS,
    base: base.kind === "image" ? base.reference : `debian ${base.suite} (${base.variant})`,
    ...(baseDigest !== undefined && { baseDigest }),
    ...(python !== undefined && { python: pythonVersion(lock, platform) }),
    bytecode: python?.bytecode === true,
    packages: [
      ...(lock.debian?.targets[architecture] ?? []).map(({ name, version, sha256 }): KeyPackage => {
        return { ecosystem: "debian", name, version, archive: sha256 };
      }),
      ...(lock.python?.distributions ?? []).map(pythonPackage),
    ],
    files,
    created,
    settings: {
      ...{ apt: base.packages, keep: base.keep, python: { source, extras, groups } },
      ...{ users: definition.users, config: definition.config, files: definition.files },
      "packages of other platforms": otherPlatforms(lock, architecture),
    },
  };
}

function pythonVersion(lock: DocumentedImage["lock"], platform: Platform): string {
  // Only of its two parts a target is asked for.
  return pythonTarget(lock as CambiumLock, platform).version;
}

function pythonPackage(distribution: LockedDistribution): KeyPackage {
  const { name, version } = distribution;
  const archive = digestOf(canonicalJson(withoutPlaces(distribution)));
  return { ecosystem: "python", name, version, archive };
}

/** The key has the whole lock in it. */
function otherPlatforms({ debian }: DocumentedImage["lock"], architecture: string): string {
  const { [architecture]: _, ...others } = debian?.targets ?? {};
  return digestOf(canonicalJson(others));
}
