import { existsSync, readFileSync } from "node:fs";
import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import { evaluateMarker, markerEnvironment, parseMarker } from "../ecosystems/python/standards/marker.ts";
import { usageError } from "../errors.ts";
import type { Definition } from "../graph/definition.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { isPlaced, placeOf } from "./image-places.ts";
import type { IndexAccess } from "./index-access.ts";
import { inputsDigest, pythonInputsDigest } from "./inputs-digest.ts";
import { answersSystem, type BaseRequest, obtainBase, obtainDebian } from "./lock-base.ts";
import { mirrorsOf } from "./mirrors.ts";
import type { PythonInputs } from "./python-inputs.ts";
import { baseName, pythonTarget } from "./python-target.ts";
import { step, type Workbench } from "./workbench.ts";

export type LockRequest = BaseRequest & {
  readonly definition: Definition;
  /** What the definition's Python source says; absent without Python. */
  readonly inputs: PythonInputs | undefined;
  /** Absolute: names the project, whose last choices are preferences. */
  readonly root: string;
  /** Absolute path of `cambium.lock`, there or not. */
  readonly lockPath: string;
  readonly locked: boolean;
  /** A stage with packages of its own: its part of the lock is meant. */
  readonly stage?: string;
  /** The lock of an earlier build elsewhere, asked for when this machine knows none. */
  readonly recorded?: () => Promise<CambiumLock | undefined>;
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
  const file = partOf(await readLockFile(request.lockPath, bench), request.stage);
  const isRefreshing =
    isUpgrading(request.upgrade) || (request.pull && request.definition.base.kind === "image");
  const { base } = request.definition;
  const placed = base.kind === "image" && isPlaced(base.reference, bench) ? base.reference : undefined;
  // What stands in an image's place now says nothing of the image.
  const memory = placed === undefined ? "" : ` on ${placeOf(placed, bench)}`;
  const fitting = async (lock: CambiumLock | undefined): Promise<CambiumLock | undefined> => {
    if (lock?.inputs !== inputs || !answers(lock, request)) return undefined;
    if (placed === undefined) return lock;
    const { onPlacedBase } = await import("./placed-base.ts");
    return onPlacedBase(lock, placed, request.platforms, bench);
  };
  const fromFile = await fitting(file);
  if (!isRefreshing && fromFile !== undefined) return { lock: fromFile, outdatesFile: false };
  if (request.locked) throw lockedError(request, file, inputs);

  const stored = bench.store.records.get("lock", `${inputs}${memory}`) as CambiumLock | undefined;
  const fromStored = isRefreshing || file !== undefined ? undefined : await fitting(stored);
  if (fromStored !== undefined) return { lock: fromStored, outdatesFile: false };
  const last =
    (bench.store.records.get("project-lock", `${memoryOf(request)}${memory}`) as CambiumLock | undefined) ??
    (await request.recorded?.());
  const fromLast = isRefreshing || file !== undefined ? undefined : await fitting(last);
  if (fromLast !== undefined) {
    rememberLock(fromLast, memory, request, bench);
    return { lock: fromLast, outdatesFile: false };
  }
  const previous = file ?? stored ?? last;
  // Asked before the step begins: where no mirror is known, a project that leaves its base open takes another one, and
  // nothing has failed.
  if (request.definition.base.kind === "debian" && previous?.debian === undefined) mirrorsOf(request);
  const lock = await step(bench, "resolve", async () => {
    const resolved = await resolveLock(request, inputs, previous, index, bench);
    return { value: resolved, outcome: "done", detail: contentsOf(resolved) };
  });
  rememberLock(lock, memory, request, bench);
  return { lock, outdatesFile: file !== undefined && fromFile === undefined };
}

function rememberLock(lock: CambiumLock, memory: string, request: LockRequest, { store }: Workbench): void {
  store.records.put("lock", `${lock.inputs}${memory}`, lock);
  store.records.put("project-lock", `${memoryOf(request)}${memory}`, lock);
}

/** Whose last choices are preferences: the project's, or those of one of its stages. */
function memoryOf({ root, stage }: LockRequest): string {
  return stage === undefined ? root : `${root} ${stage}`;
}

export function isUpgrading(upgrade: LockRequest["upgrade"]): boolean {
  return upgrade !== false && !(Array.isArray(upgrade) && upgrade.length === 0);
}

/** The packages of one stage as a lock by themselves, those of the image as they are. */
export function partOf(lock: CambiumLock | undefined, stage: string | undefined): CambiumLock | undefined {
  if (lock === undefined || stage === undefined) return lock;
  const part = lock.stages?.[stage];
  return part && { version: 1, ...part };
}

function contentsOf({ base, debian, python }: CambiumLock): string {
  const debs = Object.values(debian?.targets ?? {})[0]?.length ?? 0;
  const parts = [
    ...(base === undefined ? [] : [`${base.reference} ${base.digest.slice(0, 19)}`]),
    ...(base !== undefined && debs === 0 ? [] : [`${debs} Debian packages`]),
    `${python?.distributions.length ?? 0} distributions`,
  ];
  return parts.join(", ");
}

/** A text that was read before is not parsed again: that takes longer than the rest of an unchanged build. */
export async function readLockFile(
  path: string,
  { store }: Pick<Workbench, "store">,
): Promise<CambiumLock | undefined> {
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

function answers(lock: CambiumLock, request: LockRequest): boolean {
  if (!answersSystem(lock, request)) return false;
  if (request.inputs?.kind !== "wanted") return true;
  const { python } = lock;
  if (python === undefined) return false;
  const environments = python.environments?.map((marker) => parseMarker(marker, "cambium.lock"));
  return request.platforms.every((platform) => {
    const environment = markerEnvironment(pythonTarget(lock, platform));
    return environments === undefined || environments.some((marker) => evaluateMarker(marker, environment));
  });
}

function lockedError(request: LockRequest, file: CambiumLock | undefined, inputs: Digest): Error {
  if (file === undefined && request.stage !== undefined && existsSync(request.lockPath)) {
    return usageError(
      "LOCK_STALE",
      `--locked: cambium.lock: it has nothing of stage ${request.stage}`,
      "Run `cambium lock` and commit the file.",
    );
  }
  if (file === undefined) {
    return usageError(
      "LOCK_MISSING",
      "--locked: there is no cambium.lock",
      "Run `cambium lock` and commit the file.",
    );
  }
  const wanted = request.platforms.map(formatPlatform).join(", ");
  const reason =
    file.inputs !== inputs
      ? "the project asks for something else than it was made for"
      : answers(file, request)
        ? `its choices are for another image than the one that stands for ${file.base?.reference} here`
        : `it has no answer for ${wanted}`;
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
  const { base: wanted } = request.definition;
  const isFresh = wanted.kind === "image" && isPlaced(wanted.reference, bench);
  const image = await obtainBase(request, isFresh ? undefined : previous?.base, bench);
  // Certificates and proxies of the index settings must be known before the first download.
  const prepare = async () => request.inputs?.kind === "wanted" && index.forResolving();
  const debian = await obtainDebian(request, image, previous, prepare, bench);
  const base: CambiumLock = {
    version: 1,
    inputs,
    ...(image !== undefined && { base: image }),
    ...(debian !== undefined && { debian }),
  };
  if (request.inputs?.kind !== "wanted") return base;
  const target = (platform: Platform) => pythonTarget(base, platform);
  const targets = request.platforms.map(target);
  // Of an image of a registry only what is built is read: each platform is an image of its own.
  const optionalTargets = image === undefined ? (request.optionalPlatforms ?? []).map(target) : [];
  const pythonInputs = pythonInputsDigest(request, [...targets, ...optionalTargets]);
  if (request.upgrade === false && previous?.python?.inputs === pythonInputs) {
    return { ...base, python: previous.python };
  }
  const { assertWheelsFit } = await import("../ecosystems/python/choice/unfit-wheel.ts");
  for (const one of targets) {
    assertWheelsFit(request.inputs.wanted.requirements, one, baseName(image, debian));
  }
  const { resolvePython } = await import("../ecosystems/python/resolve.ts");
  const { settings, tools } = await index.forResolving();
  const { lock, notices } = await resolvePython(
    {
      wanted: request.inputs.wanted,
      targets,
      optionalTargets,
      upgrade: request.upgrade,
      index: settings,
      ...(previous?.python !== undefined && { preferences: previous.python }),
    },
    tools,
  );
  for (const message of notices) bench.emit({ type: "notice", message });
  return { ...base, python: { ...lock, inputs: pythonInputs } };
}
