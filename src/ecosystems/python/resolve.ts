import { CambiumError, usageError } from "../../errors.ts";
import type { Digest } from "../../layer/digest.ts";
import type { UniversalDistribution, UniversalLock } from "./choice/universal-lock.ts";
import type { IndexSettings } from "./index/index-settings.ts";
import type { NormalizedName, PythonLock } from "./lock.ts";
import { readPylock } from "./locks/pylock.ts";
import type { Wanted, WantedRequirement } from "./requirements/wanted.ts";
import { evaluateMarker, markerEnvironment, parseMarker } from "./standards/marker.ts";
import { parseSpecifier, satisfies } from "./standards/specifier.ts";
import { parseVersion } from "./standards/version.ts";
import type { PythonTarget } from "./target.ts";
import { describeTarget } from "./uv/describe-target.ts";
import { mergeTargets, type TargetResolution } from "./uv/merge-targets.ts";
import { nearestWithWheel } from "./uv/nearest.ts";
import { findSkippedNotices } from "./uv/skipped.ts";
import { compileWithUv, type UvSession } from "./uv/uv.ts";
import { openUvSession, type ResolveTools } from "./uv/uv-session.ts";

export type ResolveRequest = {
  readonly wanted: Wanted;
  /** The lock must answer for each of these. */
  readonly targets: readonly PythonTarget[];
  /** The lock answers for those of these that can be resolved; for the others a notice says why not. */
  readonly optionalTargets?: readonly PythonTarget[];
  /** Earlier choices: kept wherever the requirements allow them. */
  readonly preferences?: PythonLock;
  /** True: forget all earlier choices; names: forget those. */
  readonly upgrade: boolean | readonly string[];
  readonly index: IndexSettings;
};

export type ResolveResult = { readonly lock: UniversalLock; readonly notices: readonly string[] };

/**
 * Resolves requirements for each target with uv and merges the answers into one lock. No project code runs.
 * @throws CambiumError `RESOLUTION_FAILED` with uv's reasons, `INDEX_UNREACHABLE`, `REQUIRES_PYTHON`, `HASH_MISSING`, `HASH_UNPINNED`,
 * and as `openUvSession`.
 */
export async function resolvePython(request: ResolveRequest, tools: ResolveTools): Promise<ResolveResult> {
  const wanted = completed(request);
  if (wanted.requiresPython !== undefined) {
    for (const target of request.targets) assertPython(wanted.requiresPython, target);
  }
  if (isHashChecked(wanted)) assertPinned(wanted.requirements);
  const session = await openUvSession(tools, request.index);
  const indexUrls = request.index.indexes.map(({ url }) => url);
  const directUrls = wanted.requirements.flatMap(({ requirement }) => requirement.url ?? []);
  await session.credentials.prepare([...indexUrls, ...directUrls]);
  const notices: string[] = [];
  const optional = (request.optionalTargets ?? []).map(async (target) => {
    try {
      return await resolveTarget(session, request, target);
    } catch (error) {
      if (!(error instanceof CambiumError) || error.code !== "RESOLUTION_FAILED") throw error;
      notices.push(`the lock has nothing for ${describeTarget(target)}: ${error.message}`);
      return undefined;
    }
  });
  const settled = await Promise.all([
    ...request.targets.map(async (target) => {
      try {
        return await resolveTarget(session, request, target);
      } catch (error) {
        throw await withNearest(error, request, target, tools);
      }
    }),
    ...optional,
  ]);
  const resolutions = settled.filter((resolution) => resolution !== undefined);
  const merged = mergeTargets(resolutions);
  const lock = {
    ...merged,
    ...(wanted.requiresPython === undefined ? {} : { requiresPython: wanted.requiresPython }),
    distributions: withAllowedHashes(merged.distributions, wanted),
  };
  for (const resolution of resolutions) notices.push(...resolution.notices);
  return { lock, notices: [...new Set(notices)] };
}

/** What the inputs want, with what the settings add to every resolution. */
function completed({ wanted, index }: ResolveRequest): Wanted {
  const hashChecking = wanted.hashChecking ?? (index.requiresHashes === true ? "always" : undefined);
  return {
    ...wanted,
    constraints: [...wanted.constraints, ...index.constraints],
    overrides: [...wanted.overrides, ...index.overrides],
    ...(hashChecking === undefined ? {} : { hashChecking }),
  };
}

const NO_WHEEL = /no (?:usable )?wheels|Wheels are (?:required|available)|building from source is disabled/i;
/** Each costs up to three runs of uv, while the user waits for an error. */
const MOST_NAMES = 3;

/** A failure for want of a wheel also says which versions have one. */
async function withNearest(
  error: unknown,
  request: ResolveRequest,
  target: PythonTarget,
  tools: ResolveTools,
): Promise<unknown> {
  if (!(error instanceof CambiumError) || error.code !== "RESOLUTION_FAILED") return error;
  const { message } = error;
  if (!NO_WHEEL.test(message)) return error;
  const words = new Set(message.split(/[^\w.-]+/).map((word) => word.toLowerCase().replace(/[-_.]+/g, "-")));
  const { requirements, constraints } = request.wanted;
  const named = [...requirements, ...constraints].map(({ requirement }) => requirement.name);
  const names = [...new Set(named)].filter((name) => words.has(name)).slice(0, MOST_NAMES);
  const nearest = await Promise.all(
    names.map(async (name) => ({
      name,
      versions: await nearestWithWheel(name, target, request.index, tools),
    })),
  );
  const found = nearest.filter(({ versions }) => versions.length > 0);
  if (found.length === 0) return error;
  const offers = found.map(({ name, versions }) => `${name} ${versions.join(", ")}`).join("; ");
  return new CambiumError(error.code, message, {
    hint: `Nearest versions with a wheel for ${describeTarget(target)}: ${offers}. ${error.hint ?? ""}`.trim(),
    cause: error.cause,
  });
}

async function resolveTarget(
  session: UvSession,
  request: ResolveRequest,
  target: PythonTarget,
): Promise<TargetResolution & { notices: string[] }> {
  const wanted = completed(request);
  const preferences = preferredVersions(request, target);
  const { pylock, skipped, warnings } = await compileWithUv(session, {
    requirements: wanted.requirements,
    constraints: wanted.constraints,
    overrides: wanted.overrides,
    target,
    preferences,
  });
  const { distributions } = readPylock(pylock, "uv's resolution");
  const notices = await findSkippedNotices(session, target, distributions, skipped);
  return { target, distributions, notices: [...notices, ...warnings] };
}

/** What the earlier lock chose for this target, less what shall be upgraded. */
function preferredVersions(request: ResolveRequest, target: PythonTarget): Map<string, string> {
  const versions = new Map<string, string>();
  if (request.upgrade === true) return versions;
  const upgraded = new Set<string>(request.upgrade === false ? [] : request.upgrade);
  const environment = markerEnvironment(target);
  for (const { name, version, marker } of request.preferences?.distributions ?? []) {
    if (upgraded.has(name)) continue;
    const isMeant = marker === undefined || evaluateMarker(parseMarker(marker, "earlier lock"), environment);
    if (isMeant) versions.set(name, version);
  }
  return versions;
}

function assertPython(requiresPython: string, target: PythonTarget): void {
  const specifier = parseSpecifier(requiresPython, "requires-python");
  if (satisfies(parseVersion(target.version, "target"), specifier)) return;
  throw usageError(
    "REQUIRES_PYTHON",
    `requires-python ${JSON.stringify(requiresPython)} leaves out Python ${target.version}`,
    "Choose a base whose Python fits, or widen requires-python.",
  );
}

/** pip's rule: one `--hash` anywhere means that everything is checked. */
function isHashChecked(wanted: Wanted): boolean {
  if (wanted.hashChecking !== undefined) return wanted.hashChecking === "always";
  return wanted.requirements.some(({ hashes }) => hashes.length > 0);
}

function assertPinned(requirements: readonly WantedRequirement[]): void {
  for (const { requirement, where } of requirements) {
    const isPinned = requirement.specifier.some(
      ({ operator, isPrefix }) => (operator === "==" && !isPrefix) || operator === "===",
    );
    if (isPinned || requirement.url !== undefined) continue;
    throw usageError(
      "HASH_UNPINNED",
      `${where}: ${requirement.name} has no exact version, but hashes are required`,
      `Write ${requirement.name}==VERSION with its --hash, or take --hash and --require-hashes out.`,
    );
  }
}

/** uv drops `--hash`, so what it demands goes into the lock, and the choice of a wheel keeps to it. */
function withAllowedHashes(
  distributions: readonly UniversalDistribution[],
  wanted: Wanted,
): readonly UniversalDistribution[] {
  const demanded = demandedHashes(wanted.requirements);
  const constrained = demandedHashes(wanted.constraints);
  const missing: string[] = [];
  const checked = distributions.map((distribution) => {
    const own = demanded.get(distribution.name);
    const outer = constrained.get(distribution.name);
    const allowedHashes =
      own !== undefined && outer !== undefined ? own.filter((one) => outer.includes(one)) : (own ?? outer);
    if (allowedHashes !== undefined) return { ...distribution, allowedHashes };
    if (isHashChecked(wanted) && !hasUrlHash(distribution))
      missing.push(`${distribution.name}==${distribution.version}`);
    return distribution;
  });
  if (missing.length === 0) return checked;
  throw usageError(
    "HASH_MISSING",
    `hashes are required, but these have none: ${missing.join(", ")}`,
    "Add each with its version and --hash to the requirements (uv pip compile --generate-hashes writes them).",
  );
}

function demandedHashes(requirements: readonly WantedRequirement[]): Map<NormalizedName, Digest[]> {
  const demanded = new Map<NormalizedName, Digest[]>();
  for (const { requirement, hashes } of requirements) {
    if (hashes.length > 0)
      demanded.set(requirement.name, [...(demanded.get(requirement.name) ?? []), ...hashes]);
  }
  return demanded;
}

/** A direct URL may carry its digest as a fragment, which uv holds it to. */
function hasUrlHash(distribution: UniversalDistribution): boolean {
  return distribution.directUrl?.url.includes("#sha256=") === true;
}
