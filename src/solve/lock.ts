import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { canonicalJson } from "../canonical-json.ts";
import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import { answersRequest, type DebianLock, type DebianRequest } from "../ecosystems/debian/lock.ts";
import { type Mirrors, resolveMirrors } from "../ecosystems/debian/mirror.ts";
import { debianGlibc, pythonVersionOf } from "../ecosystems/debian/suites.ts";
import type { IndexLayer } from "../ecosystems/python/index/index-layer.ts";
import type { WantedRequirement } from "../ecosystems/python/requirements/wanted.ts";
import { evaluateMarker, markerEnvironment, parseMarker } from "../ecosystems/python/standards/marker.ts";
import { formatRequirement } from "../ecosystems/python/standards/requirement.ts";
import type { PythonTarget } from "../ecosystems/python/target.ts";
import { usageError } from "../errors.ts";
import type { Definition } from "../graph/definition.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { debianTools } from "./debian-tools.ts";
import type { IndexAccess } from "./index-access.ts";
import type { PythonInputs } from "./python-inputs.ts";
import { step, type Workbench } from "./workbench.ts";

export type LockRequest = {
  readonly definition: Definition;
  /** What the definition's Python source says; absent without Python. */
  readonly inputs: PythonInputs | undefined;
  /** The lock must answer for each of these. */
  readonly platforms: readonly Platform[];
  /** The lock answers for these too where it can. */
  readonly optionalPlatforms?: readonly Platform[];
  /** Absolute: names the project, whose last choices are preferences. */
  readonly root: string;
  /** Absolute path of `cambium.lock`, there or not. */
  readonly lockPath: string;
  readonly debianMirror?: string;
  readonly locked: boolean;
  readonly upgrade: boolean | readonly string[];
  /** Judges the dates of Debian's indices. */
  readonly now: Date;
};

export type ObtainedLock = {
  readonly lock: CambiumLock;
  /** There is a `cambium.lock`, which says something else. */
  readonly outdatesFile: boolean;
};

/**
 * What to install, settled: by `cambium.lock` if it is there and fits, by the store's memory of the same request, or by
 * resolving, with earlier choices as preferences. An unchanged project is never resolved again unless asked to.
 * @throws CambiumError `LOCK_MISSING`, `LOCK_STALE` with `locked`; `RESOLUTION_FAILED`, `DEBIAN_*`, `MIRROR_UNKNOWN`.
 */
export async function obtainLock(
  request: LockRequest,
  index: IndexAccess,
  bench: Workbench,
): Promise<ObtainedLock> {
  const inputs = inputsDigest(request);
  const file = await readLockFile(request.lockPath, bench);
  const isUpgrading =
    request.upgrade !== false && !(Array.isArray(request.upgrade) && request.upgrade.length === 0);
  const isFitting = file?.inputs === inputs && answers(file, request);
  if (!isUpgrading && isFitting) return { lock: file, outdatesFile: false };
  if (request.locked) throw lockedError(request, file, inputs);

  const stored = bench.store.records.get("lock", inputs) as CambiumLock | undefined;
  if (!isUpgrading && file === undefined && stored !== undefined && answers(stored, request)) {
    return { lock: stored, outdatesFile: false };
  }
  const last = bench.store.records.get("project-lock", request.root) as CambiumLock | undefined;
  const lock = await step(bench, "resolve", async () => {
    const resolved = await resolveLock(request, inputs, file ?? stored ?? last, index, bench);
    const debs = Object.values(resolved.debian?.targets ?? {})[0]?.length ?? 0;
    const detail = `${debs} Debian packages, ${resolved.python?.distributions.length ?? 0} distributions`;
    return { value: resolved, outcome: "done", detail };
  });
  bench.store.records.put("lock", inputs, lock);
  bench.store.records.put("project-lock", request.root, lock);
  return { lock, outdatesFile: file !== undefined && !isFitting };
}

/** The interpreter and machine of one platform on the locked base. */
export function pythonTarget(lock: CambiumLock, definition: Definition, platform: Platform): PythonTarget {
  if (lock.debian === undefined) throw new TypeError("a lock without a base has no Python");
  return {
    version: pythonVersionOf(lock.debian, platform.architecture),
    platform,
    glibc: debianGlibc(definition.base.suite),
  };
}

/** Mirrors are asked for only when something must come from one. */
export function mirrorsOf(request: Pick<LockRequest, "debianMirror">): Mirrors {
  return resolveMirrors({ setting: request.debianMirror });
}

/**
 * Digest of what the project says; no host facts, so that a lock made on one machine fits on another:
 * `{"debian":{"packages":[…],"suite":"bookworm","variant":"standard"},"python":{"requirements":["numpy>=2"],…}}`
 */
export function inputsDigest({
  definition,
  inputs,
  root,
}: Pick<LockRequest, "definition" | "inputs" | "root">): Digest {
  const { suite, variant, packages } = definition.base;
  // A file of the project is the same in every checkout.
  const portable = (text: string) => text.replaceAll(`${pathToFileURL(root).href}/`, "file:./");
  const lines = (all: readonly WantedRequirement[]) =>
    all
      .map(({ requirement, hashes }) => [portable(formatRequirement(requirement)), ...hashes].join(" "))
      .sort();
  const python =
    inputs?.kind === "wanted"
      ? {
          requirements: lines(inputs.wanted.requirements),
          constraints: lines(inputs.wanted.constraints),
          overrides: lines(inputs.wanted.overrides),
          requiresPython: inputs.wanted.requiresPython,
          settings: inputs.layers.map((layer) => settingsOf(layer, portable)),
        }
      : undefined;
  return digestOf(canonicalJson({ debian: { suite, variant, packages }, python }));
}

/** What of a project's own index settings decides which releases are chosen; no credentials, no way of fetching. */
function settingsOf(layer: IndexLayer, portable: (text: string) => string) {
  const { sources, strategy, prerelease, prereleasePackages, resolution, noIndex, noBinary } = layer;
  const { excludeNewer, excludeNewerPackages } = layer;
  return {
    indexes: layer.indexes.map(({ url, kind, isDefault, isExplicit }) => ({
      url: portable(url),
      ...{ kind, isDefault, isExplicit },
    })),
    ...{ sources, strategy, prerelease, prereleasePackages, resolution, noIndex, noBinary },
    ...{ excludeNewer, excludeNewerPackages },
    constraints: layer.constraints?.map(({ requirement }) => portable(formatRequirement(requirement))),
    overrides: layer.overrides?.map(({ requirement }) => portable(formatRequirement(requirement))),
  };
}

/** A text that was read before is not parsed again: that takes longer than the rest of an unchanged build. */
async function readLockFile(path: string, { store }: Workbench): Promise<CambiumLock | undefined> {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  const digest = digestOf(text);
  const known = store.records.get("lock-file", digest) as CambiumLock | undefined;
  if (known !== undefined) return known;
  const { readCambiumLock } = await import("../ecosystems/cambium-lock.ts");
  const lock = readCambiumLock(text, "cambium.lock");
  store.records.put("lock-file", digest, lock);
  return lock;
}

function debianRequest({ definition, platforms, optionalPlatforms }: LockRequest): DebianRequest {
  const { suite, variant, packages } = definition.base;
  const architectures = [
    ...new Set([...platforms, ...(optionalPlatforms ?? [])].map((it) => it.architecture)),
  ];
  return { suite, variant, packages, architectures: architectures.sort() };
}

function answers(lock: CambiumLock, request: LockRequest): boolean {
  if (lock.debian === undefined || !answersRequest(lock.debian, debianRequest(request))) return false;
  if (request.inputs?.kind !== "wanted") return true;
  const { python } = lock;
  if (python === undefined) return false;
  const environments = python.environments?.map((marker) => parseMarker(marker, "cambium.lock"));
  return request.platforms.every((platform) => {
    const environment = markerEnvironment(pythonTarget(lock, request.definition, platform));
    return environments === undefined || environments.some((marker) => evaluateMarker(marker, environment));
  });
}

function lockedError(request: LockRequest, file: CambiumLock | undefined, inputs: Digest): Error {
  if (file === undefined) {
    return usageError(
      "LOCK_MISSING",
      "--locked: there is no cambium.lock",
      "Run `cambium lock` and commit the file.",
    );
  }
  const wanted = request.platforms.map(formatPlatform).join(", ");
  const reason =
    file.inputs === inputs
      ? `it has no answer for ${wanted}`
      : "the project asks for something else than it was made for";
  return usageError(
    "LOCK_STALE",
    `--locked: cambium.lock: ${reason}`,
    "Run `cambium lock` and commit the file.",
  );
}

async function resolveLock(
  request: LockRequest,
  inputs: Digest,
  previous: CambiumLock | undefined,
  index: IndexAccess,
  bench: Workbench,
): Promise<CambiumLock> {
  // Certificates and proxies of the index settings must be known before the first download.
  if (request.inputs?.kind === "wanted") await index.forResolving();
  const debian = await lockDebian(request, previous?.debian, bench);
  const base: CambiumLock = { version: 1, inputs, debian };
  if (request.inputs?.kind !== "wanted") return base;
  const { resolvePython } = await import("../ecosystems/python/resolve.ts");
  const target = (platform: Platform) => pythonTarget(base, request.definition, platform);
  const { settings, tools } = await index.forResolving();
  const { lock, notices } = await resolvePython(
    {
      wanted: request.inputs.wanted,
      targets: request.platforms.map(target),
      optionalTargets: (request.optionalPlatforms ?? []).map(target),
      upgrade: request.upgrade,
      index: settings,
      ...(previous?.python !== undefined && { preferences: previous.python }),
    },
    tools,
  );
  for (const message of notices) bench.emit({ type: "notice", message });
  return { ...base, python: lock };
}

async function lockDebian(
  request: LockRequest,
  previous: DebianLock | undefined,
  bench: Workbench,
): Promise<DebianLock> {
  const wanted = debianRequest(request);
  const isUpgrading = request.upgrade !== false;
  if (!isUpgrading && previous !== undefined && answersRequest(previous, wanted)) return previous;
  const { resolveDebian } = await import("../ecosystems/debian/resolve.ts");
  const { now, upgrade } = request;
  return resolveDebian(
    { ...wanted, mirrors: mirrorsOf(request), now, previous, upgrade },
    debianTools(bench),
  );
}
