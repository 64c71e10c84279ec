import { CambiumError } from "../../../errors.ts";
import type { IndexSettings } from "../index/index-settings.ts";
import type { NormalizedName } from "../lock.ts";
import { readPylock } from "../locks/pylock.ts";
import { parseRequirement } from "../standards/requirement.ts";
import type { PythonTarget } from "../target.ts";
import { compileWithUv } from "./uv.ts";
import { openUvSession, type ResolveTools } from "./uv-session.ts";

/** One for what to take, two more for whom the newest does not suit. Each costs a run of uv. */
const MOST_VERSIONS = 3;

/**
 * The newest versions of a distribution that have a wheel for the target, the newest first; none when there are none or
 * the index cannot be asked, since this only adorns an error.
 */
export async function nearestWithWheel(
  name: NormalizedName,
  target: PythonTarget,
  settings: IndexSettings,
  tools: ResolveTools,
): Promise<string[]> {
  const versions: string[] = [];
  try {
    const session = await openUvSession(tools, settings);
    await session.credentials.prepare(settings.indexes.map(({ url }) => url));
    while (versions.length < MOST_VERSIONS) {
      const oldest = versions.at(-1);
      // `!=` beside `<`, which would pass a local version of the same release.
      const bound = oldest === undefined ? "" : `<${oldest.replace(/\+.*$/, "")},!=${oldest}`;
      const { pylock } = await compileWithUv(session, {
        requirements: [{ requirement: parseRequirement(`${name}${bound}`, name), where: name, hashes: [] }],
        constraints: [],
        overrides: [],
        target,
        preferences: new Map(),
        withoutDependencies: true,
        // The first run has brought what is known of this name.
        isOffline: versions.length > 0,
      });
      const found = readPylock(pylock, "uv's answer").distributions.find((one) => one.name === name);
      if (found === undefined || versions.includes(found.version)) break;
      versions.push(found.version);
    }
  } catch (error) {
    if (!(error instanceof CambiumError)) throw error;
  }
  return versions;
}
