import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import type { ChosenWheel } from "../ecosystems/python/lock.ts";
import type { Definition } from "../graph/definition.ts";
import type { Segment } from "../layer/segment.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { debianSegments, generatedSegments, noteScripts } from "./debian-segments.ts";
import type { Locate } from "./segments.ts";
import { venvFor, wheelSegments } from "./wheel-segments.ts";
import { step, type Workbench } from "./workbench.ts";

/** The packages of one image as segments, by what stands below what. */
export type PackageSnapshot = {
  readonly debian: readonly Segment[];
  /** Accounts, caches and links that no package ships. */
  readonly generated: readonly Segment[];
  readonly venv: readonly Segment[];
  readonly wheels: readonly Segment[];
};

export type SnapshotRequest = {
  readonly definition: Definition;
  readonly lock: Pick<CambiumLock, "debian">;
  readonly platform: Platform;
  /** What the lock's Python part comes to for this platform. */
  readonly wheels: readonly ChosenWheel[];
  readonly pythonVersion?: string;
  readonly locateDebs: Locate;
  readonly locateWheels: (wheels: readonly ChosenWheel[]) => Locate;
};

/** Brings every package of the image into the store, Debian's and Python's at once. */
export async function packageSnapshot(request: SnapshotRequest, bench: Workbench): Promise<PackageSnapshot> {
  const where = formatPlatform(request.platform);
  const debs = request.lock.debian?.targets[request.platform.architecture] ?? [];
  const { definition, wheels } = request;
  const [base, python] = await Promise.all([
    step(bench, `debian ${definition.base.suite} ${where}`, async () => {
      const before = countMade();
      const debian = await debianSegments(
        debs,
        definition.base.keep,
        bench,
        before.count(request.locateDebs),
      );
      if (definition.base.packages.length > 0) await noteScripts(debs, bench);
      const generated = await generatedSegments(
        { definition, debs, debian, platform: request.platform },
        bench,
      );
      return { value: { debian, generated }, ...before.outcome(debs.length, "packages") };
    }),
    definition.python === undefined
      ? { venv: [], wheels: [] }
      : step(bench, `python ${where}`, async () => {
          const before = countMade();
          const venv = request.pythonVersion === undefined ? [] : [venvFor(request.pythonVersion, bench)];
          const made = await wheelSegments(wheels, bench, before.count(request.locateWheels(wheels)));
          return { value: { venv, wheels: made }, ...before.outcome(wheels.length, "distributions") };
        }),
  ]);
  return { ...base, ...python };
}

/** Counts what had to be made, which is what `locate` is asked about. */
function countMade() {
  let made = 0;
  return {
    count:
      (locate: Locate): Locate =>
      (missing, all) => {
        made = all;
        return locate(missing, all);
      },
    outcome: (total: number, what: string) => ({
      outcome: made === 0 ? ("hit" as const) : ("done" as const),
      detail: made === 0 ? `${total} ${what}, all known` : `${total} ${what}, ${made} new`,
    }),
  };
}
