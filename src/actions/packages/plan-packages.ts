import { hasDpkg } from "../../ecosystems/debian/generate/dpkg-database.ts";
import type { Base } from "../../graph/definition.ts";
import type { ConfigDocument } from "../../image/documents.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment } from "../../layer/segment.ts";
import { DEBIAN_BUDGET, groupPackages, PYTHON_BUDGET } from "../../plan/group.ts";
import { groupingOf, groupName, planTiers } from "../../plan/tiers.ts";
import { wantedBytecode } from "../../solve/bytecode/bytecode-segments.ts";
import { targetLibrary } from "../../solve/bytecode/target-library.ts";
import { wantedDeb } from "../../solve/debian-segments.ts";
import { type PlannedLayer as LayerToBe, planLayers } from "../../solve/image-layers.ts";
import { assertLoadable } from "../../solve/loadable.ts";
import { type WantedSegment, wholeSegment } from "../../solve/segments.ts";
import { packageSnapshot, type SnapshotRequest } from "../../solve/snapshot.ts";
import { packageContents } from "../../solve/steps/stage-layers.ts";
import type { PlannedStack } from "../../solve/steps/stage-planner.ts";
import { wantedWheel } from "../../solve/wheel-segments.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { knownLayer } from "../../store/stored-layer.ts";
import type { PlannedImage, PlannedLayer } from "../results.ts";
import { packageResults } from "./layer-results.ts";
import { bytecodePaths } from "./package-stack.ts";

/** A wheel or .deb unpacks to about this much more than it is; only for packages that were never seen. */
const EXPANSION = 3;

export type PlannedPackages = {
  readonly image: PlannedImage;
  /** What steps would stand on; absent where a package is not here yet. */
  readonly stack?: PlannedStack;
};

export function baseName(base: Base): string {
  return base.kind === "image" ? base.reference : `debian ${base.suite} (${base.variant})`;
}

/** The layers of packages and files as a build would make them; makes none, and fetches no package. */
export async function planPackages(
  request: SnapshotRequest,
  files: readonly Segment[],
  bench: Workbench,
): Promise<PlannedPackages> {
  const { definition, platform } = request;
  const debs = request.lock.debian?.targets[platform.architecture] ?? [];
  const wanted = {
    debian: debs.map((deb) => wantedDeb(deb, definition.base.keep)),
    python: request.wheels.map(wantedWheel),
  };
  const all = [...wanted.debian, ...wanted.python];
  const known = new Map(all.map((want) => [want.id, wholeSegment(bench, want.id)]));
  const downloadBytes = all
    .filter(({ id, archive }) => known.get(id) === undefined && !bench.store.blobs.has(archive.digest))
    .reduce((sum, { archive }) => sum + (archive.sizeBytes ?? 0), 0);
  // With everything in the store this is what a build does, and it fetches nothing.
  const isComplete =
    all.every(({ id }) => known.get(id) !== undefined) && isBytecodeKnown(request, wanted, known, bench);
  if (isComplete) {
    const packages = await packageSnapshot(request, bench);
    assertLoadable(request, packages, files, bench);
    const layers = planLayers(planTiers(packages, files), request.base?.tree).layers;
    const results = layers.map((layer) => knownLayerResult(layer, bench));
    return {
      image: { platform, downloadBytes, layers: results },
      stack: stackToBe(request, layers, bench),
    };
  }
  const layers = [
    ...guessedLayers("debian", wanted.debian, known),
    ...(request.base === undefined ? [unseenLayer("base", "base")] : []),
    ...(request.base === undefined && hasDpkg(debs) ? [unseenLayer("dpkg", "dpkg")] : []),
    ...(definition.python === undefined ? [] : [unseenLayer("venv", "venv")]),
    ...guessedLayers("python", wanted.python, known),
    ...(definition.python?.bytecode === true ? [unseenLayer("bytecode", "bytecode")] : []),
    ...files.map(({ name }) => unseenLayer(name, "files")),
  ];
  return { image: { platform, downloadBytes, layers } };
}

/** Which segments there are says what the tree is, whether or not the layers were ever made. */
function stackToBe(
  { base, platform }: SnapshotRequest,
  layers: readonly LayerToBe[],
  { store }: Workbench,
): PlannedStack {
  const below = (base?.underneath.layers ?? []).map(
    ({ descriptor, diffId }): LayerRecord => ({ descriptor, diffId }),
  );
  const own = layers.map(({ plan }) => knownLayer(store, plan.key));
  const isComposed = own.every((record) => record !== undefined);
  const segments = layers.flatMap((layer) => layer.segments.map(({ segment }) => segment));
  // Nobody reads it: no image is made of what is only planned.
  const config: ConfigDocument = {
    ...{ os: platform.os, architecture: platform.architecture, config: {} },
    rootfs: { type: "layers", diff_ids: [] },
  };
  const contents = packageContents(
    below,
    segments.map(({ id }) => id),
  );
  const known = { config, contents, bytecode: bytecodePaths(segments) };
  return { stack: { ...known, layers: isComposed ? [...below, ...own] : [] }, isComposed };
}

/** Nothing would have to be compiled. */
function isBytecodeKnown(
  { definition, interpreter, wheels, base }: SnapshotRequest,
  wanted: { readonly debian: readonly WantedSegment[]; readonly python: readonly WantedSegment[] },
  known: Known,
  bench: Workbench,
): boolean {
  if (definition.python?.bytecode !== true || interpreter === undefined) return true;
  const segmentsOf = (wants: readonly WantedSegment[]) => wants.flatMap(({ id }) => known.get(id) ?? []);
  const segments = segmentsOf(wanted.python);
  const { version } = interpreter;
  const library = targetLibrary(interpreter, segmentsOf(wanted.debian), base);
  return wantedBytecode({ wheels, segments, library, version }).every(
    ({ id }) => wholeSegment(bench, id) !== undefined,
  );
}

function knownLayerResult({ name, plan: layer, segments }: LayerToBe, bench: Workbench): PlannedLayer {
  const record = knownLayer(bench.store, layer.key);
  const members = segments.map(({ segment }) => segment);
  const packages = packageResults(members);
  return {
    name,
    ...(record !== undefined && { digest: record.descriptor.digest }),
    sizeBytes: record?.descriptor.size ?? packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    grouping: groupingOf(name, members),
    packages,
    isReused: record !== undefined,
  };
}

/** Small, and not known before the packages are. */
function unseenLayer(name: string, grouping: string): PlannedLayer {
  return { name, sizeBytes: 0, grouping, packages: [], isReused: false };
}

type Known = ReadonlyMap<string, Segment | undefined>;

/** Something was never seen: its size decides its group, and only its archive's size is known. */
function guessedLayers(
  ecosystem: "debian" | "python",
  wants: readonly WantedSegment[],
  known: Known,
): PlannedLayer[] {
  const weighed = wants.map((want) => ({
    want,
    key: want.name.slice(0, want.name.lastIndexOf(" ")),
    sizeBytes: known.get(want.id)?.sizeBytes ?? (want.archive.sizeBytes ?? 0) * EXPANSION,
  }));
  const budget = ecosystem === "debian" ? DEBIAN_BUDGET : PYTHON_BUDGET;
  return groupPackages(weighed, budget).map(({ name, members }) => {
    const packages = members.map(({ want }) => {
      const space = want.name.lastIndexOf(" ");
      const sizeBytes = want.archive.sizeBytes ?? 0;
      return { ecosystem, name: want.name.slice(0, space), version: want.name.slice(space + 1), sizeBytes };
    });
    return {
      name: `${ecosystem} ${groupName(members)}`,
      sizeBytes: packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      grouping: /^(medium|small)-\d+$/.test(name) ? "bucket" : "heavy",
      packages,
      isReused: false,
    };
  });
}
