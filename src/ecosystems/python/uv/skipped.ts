import { CambiumError } from "../../../errors.ts";
import type { UniversalDistribution } from "../choice/universal-lock.ts";
import { parseProjectName } from "../name.ts";
import { parseRequirement } from "../standards/requirement.ts";
import { compareVersions, tryVersion } from "../standards/version.ts";
import type { PythonTarget } from "../target.ts";
import { describeTarget } from "./describe-target.ts";
import { compileWithUv, type UvSession } from "./uv.ts";
import type { SkippedVersion } from "./uv-trace.ts";

/** Each costs a run of uv from its cache, about 25 ms; a notice about the hundredth helps nobody. */
const MOST_PROBES = 16;

/**
 * Sentences for distributions of which a newer version would have been taken, had it had a wheel for the target.
 * A newer version that is made for another Python is no news; uv's trace does not tell the two apart, so uv is asked.
 */
export async function findSkippedNotices(
  session: UvSession,
  target: PythonTarget,
  distributions: readonly UniversalDistribution[],
  skipped: readonly SkippedVersion[],
): Promise<string[]> {
  const newest = newestSkipped(distributions, skipped);
  const notices = await Promise.all(
    newest.slice(0, MOST_PROBES).map(async ({ name, chosen, version }) => {
      if (await isForOtherPython(session, target, name, version)) return [];
      return [`${name} ${chosen} instead of ${version}, which has no wheel for ${describeTarget(target)}`];
    }),
  );
  return notices.flat();
}

type Newer = { readonly name: string; readonly chosen: string; readonly version: string };

function newestSkipped(
  distributions: readonly UniversalDistribution[],
  skipped: readonly SkippedVersion[],
): Newer[] {
  const chosen = new Map<string, string>(distributions.map(({ name, version }) => [name, version]));
  const newest = new Map<string, Newer>();
  for (const { name: text, version } of skipped) {
    const name = parseProjectName(text, "uv's log");
    const taken = chosen.get(name);
    if (taken === undefined || !isNewer(version, taken)) continue;
    const known = newest.get(name);
    if (known === undefined || isNewer(version, known.version))
      newest.set(name, { name, chosen: taken, version });
  }
  return [...newest.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isNewer(version: string, than: string): boolean {
  const [a, b] = [tryVersion(version), tryVersion(than)];
  return a !== undefined && b !== undefined && compareVersions(a, b) > 0;
}

/** Asked for that very version on any platform, uv names Requires-Python when that is what keeps it out. */
async function isForOtherPython(
  session: UvSession,
  target: PythonTarget,
  name: string,
  version: string,
): Promise<boolean> {
  const requirement = parseRequirement(`${name}==${version}`, "uv's log");
  try {
    await compileWithUv(session, {
      requirements: [{ requirement, where: "uv's log", hashes: [] }],
      constraints: [],
      overrides: [],
      target,
      preferences: new Map(),
      withoutDependencies: true,
      isOffline: true,
      isUniversal: true,
    });
    return false;
  } catch (error) {
    if (!(error instanceof CambiumError) || error.code !== "RESOLUTION_FAILED") throw error;
    return /does not satisfy Python/i.test(error.message);
  }
}
