import type { DebianRequest, Suite } from "../ecosystems/debian/lock.ts";
import type { LockedBase } from "../ecosystems/locked-base.ts";
import { usageError } from "../errors.ts";
import type { Base } from "../graph/definition.ts";
import type { Platform } from "../platform.ts";

/**
 * What Debian's archive is asked for; nothing on an image of a registry that no package is added to.
 * @throws CambiumError `BASE_NO_APT`.
 */
export function debianRequest(
  base: Base,
  locked: LockedBase | undefined,
  platforms: readonly Platform[],
): DebianRequest | undefined {
  const architectures = [...new Set(platforms.map(({ architecture }) => architecture))].sort();
  if (base.kind === "debian") {
    const { suite, variant, packages } = base;
    return { suite, variant, packages, architectures };
  }
  const { packages, reference } = base;
  if (packages.length === 0) return undefined;
  const suites = new Set(architectures.map((architecture) => locked?.targets[architecture]?.suite));
  const [suite] = suites;
  if (suite === undefined || suites.size > 1) throw noApt(reference, packages);
  return { suite: suite satisfies Suite, variant: "none", packages, architectures };
}

function noApt(reference: string, packages: readonly string[]): Error {
  return usageError(
    "BASE_NO_APT",
    `base ${reference}: apt: ${packages.join(", ")}: it is not Debian bookworm or trixie, whose packages these are`,
    "Choose a base of one of these releases, or one that has the packages already.",
  );
}
