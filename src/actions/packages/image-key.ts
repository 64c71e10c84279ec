import { canonicalJson } from "../../canonical-json.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import type { LockedDistribution } from "../../ecosystems/python/lock.ts";
import type { Definition } from "../../graph/definition.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { SegmentId } from "../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { formatPlatform, type Platform } from "../../platform.ts";

/**
 * Definition key of an image: what was written, what the lock says, and the files of the project. Tried before anything
 * else; a hit needs neither packages nor listings.
 * `{"created":"…","definition":{…},"files":["…"],"layoutVersions":{…},"lock":{…},"platform":"linux/amd64"}`
 */
export function imageKey(input: {
  readonly definition: Definition;
  readonly lock: Pick<CambiumLock, "base" | "debian" | "python">;
  readonly platform: Platform;
  readonly files: readonly SegmentId[];
  readonly created: string;
}): Digest {
  const { definition, lock, files, created } = input;
  const document = {
    layoutVersions: LAYOUT_VERSIONS,
    definition,
    lock: {
      base: lock.base?.targets[input.platform.architecture]?.digest,
      debian: lock.debian,
      python: lock.python?.distributions.map(withoutPlaces),
    },
    platform: formatPlatform(input.platform),
    files,
    created,
  };
  return digestOf(canonicalJson(document));
}

/** A file is what its digest says, wherever it lies on this machine. */
export function withoutPlaces(distribution: LockedDistribution): LockedDistribution {
  return { ...distribution, wheels: distribution.wheels.map(({ path: _, ...wheel }) => wheel) };
}
