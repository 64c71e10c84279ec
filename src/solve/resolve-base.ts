import type { LockedBase, LockedBaseTarget } from "../ecosystems/locked-base.ts";
import type { Base } from "../ecosystems/read-base.ts";
import type { Digest } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import { findBase } from "./base-documents.ts";
import { baseImage } from "./base-image.ts";
import type { Workbench } from "./workbench.ts";

/**
 * What a reference points to now, with what of it decides which packages fit.
 * @throws CambiumError as `findBase` and `baseImage`.
 */
export async function resolveBase(
  reference: string,
  platforms: readonly Platform[],
  bench: Workbench,
): Promise<LockedBase> {
  const { digest, images } = await findBase(reference, platforms, bench);
  const targets: Record<string, LockedBaseTarget> = {};
  for (const [i, platform] of platforms.entries()) {
    const { facts, digest: manifest } = await baseImage(reference, images[i]!, platform, bench);
    targets[platform.architecture] = targetOf(facts, manifest);
  }
  return { reference, digest, targets };
}

function targetOf(
  { interpreters, libc, distribution, codename, isMergedUsr }: Base,
  digest: Digest,
): LockedBaseTarget {
  // Wheels for free-threaded Pythons are another ABI, which no lock asks for.
  const python = interpreters.find((it) => !it.isFreeThreaded);
  const isGlibc = libc?.kind === "glibc" && libc.version !== undefined;
  // Debian's packages are put below /usr, which an older layout would not find.
  const suite = distribution === "debian" && isMergedUsr ? suiteOf(codename) : undefined;
  return {
    digest,
    ...(python !== undefined && {
      python: { version: python.fullVersion ?? `${python.version}.0`, path: `/${python.path}` },
    }),
    ...(isGlibc && { glibc: libc.version.join(".") }),
    ...(suite !== undefined && { suite }),
  };
}

function suiteOf(codename: string | undefined): LockedBaseTarget["suite"] {
  return codename === "bookworm" || codename === "trixie" ? codename : undefined;
}
