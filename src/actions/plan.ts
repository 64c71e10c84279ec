import { hasDpkg } from "../ecosystems/debian/generate/dpkg-database.ts";
import { findForm } from "../frontend/project/detect.ts";
import { assertFlagsFit, formOf } from "../frontend/project/flags.ts";
import { type DefinedStage, neededStages } from "../graph/defined-stages.ts";
import type { Base } from "../graph/definition.ts";
import type { Segment } from "../layer/segment.ts";
import { DEBIAN_BUDGET, groupPackages, PYTHON_BUDGET } from "../plan/group.ts";
import { groupingOf, groupName, planTiers } from "../plan/tiers.ts";
import { wantedBytecode } from "../solve/bytecode/bytecode-segments.ts";
import { targetLibrary } from "../solve/bytecode/target-library.ts";
import { wantedDeb } from "../solve/debian-segments.ts";
import { type PlannedLayer as LayerToBe, planLayers } from "../solve/image-layers.ts";
import { assertLoadable } from "../solve/loadable.ts";
import { type WantedSegment, wholeSegment } from "../solve/segments.ts";
import { packageSnapshot, type SnapshotRequest } from "../solve/snapshot.ts";
import { wantedWheel } from "../solve/wheel-segments.ts";
import type { Workbench } from "../solve/workbench.ts";
import { knownLayer } from "../store/stored-layer.ts";
import { packageResults } from "./layer-results.ts";
import { prepare } from "./prepare.ts";
import { prepareStages, stageBench, stagesOf } from "./prepare-stages.ts";
import { loadProject, type Project } from "./project.ts";
import { projectSegments } from "./project-segments.ts";
import type { PlannedImage, PlannedLayer, PlannedStage, PlanResult } from "./results.ts";
import { type Session, withSession } from "./session.ts";
import type { PlanSettings } from "./settings.ts";

/** A wheel or .deb unpacks to about this much more than it is; only for packages that were never seen. */
const EXPANSION = 3;

/**
 * What a build would do: which packages share which layer, what is there already, what would be fetched. Resolves if it
 * has to, but fetches no package.
 */
export async function plan(settings: PlanSettings): Promise<PlanResult> {
  const found = findForm(settings.contextDir, settings.file);
  if (found.form !== "spec") assertFlagsFit(settings.flags ?? [], found.form);
  return withSession(settings, async (session) => {
    const { bench } = session;
    if (found.form === "dockerfile") {
      const { planDockerfile } = await import("./plan-dockerfile.ts");
      return planDockerfile(found.file, settings, bench);
    }
    const project = await loadProject(settings);
    assertFlagsFit(settings.flags ?? [], formOf(found.form, project.loaded));
    if (project.loaded.stages !== undefined) return planStages(settings, project, session);
    const prepared = await prepare(settings, project, session);
    const { definition, explanation } = prepared.project.loaded;
    const files = await projectSegments(prepared, settings, bench);
    const images: PlannedImage[] = [];
    for (const platform of prepared.project.platforms) {
      const python = await prepared.choose(platform);
      const { lock } = prepared.locked;
      const request = { definition, lock, platform, ...python, locateDebs: prepared.locateDebs };
      images.push(await planImage(request, files, bench));
    }
    return { source: explanation, base: baseName(definition.base), images };
  });
}

/** The packages of every stage that the image needs, and the steps above them. */
async function planStages(settings: PlanSettings, project: Project, session: Session): Promise<PlanResult> {
  const { bench } = session;
  const { stages, target } = stagesOf(project);
  const needed = neededStages({ stages }, target);
  const { sets } = await prepareStages(settings, project, needed, session);
  const root = rootOf(stages, target);
  const plannedStages = needed.map((index): PlannedStage => {
    const { name, base, steps } = stages[index]!;
    const definition = sets.get(index)?.definition;
    return {
      name,
      base: definition === undefined ? stageBaseName(base, stages) : baseName(definition.base),
      // Whether one is known depends on the packages below it, which are not composed for a plan.
      steps: steps.map(({ line, text }) => ({ line, text, state: "open" })),
    };
  });
  const images: PlannedImage[] = [];
  for (const platform of project.platforms) {
    const planned = new Map<number, PlannedImage>();
    for (const [index, { definition, lock, choose, locateDebs }] of sets) {
      const request = { definition, lock, platform, ...(await choose(platform)), locateDebs };
      planned.set(index, await planImage(request, [], stageBench(stages[index]!, bench)));
    }
    images.push({
      platform,
      layers: planned.get(root)?.layers ?? [],
      stages: plannedStages,
      downloadBytes: [...planned.values()].reduce((sum, { downloadBytes }) => sum + downloadBytes, 0),
    });
  }
  const definition = sets.get(root)?.definition;
  const base = definition === undefined ? stages[root]!.base.kind : baseName(definition.base);
  return { source: project.loaded.explanation, base, images };
}

/** The stage whose base is none. */
function rootOf(stages: readonly DefinedStage[], index: number): number {
  const { base } = stages[index]!;
  return base.kind === "stage" ? rootOf(stages, base.stage) : index;
}

function stageBaseName(base: DefinedStage["base"], stages: readonly DefinedStage[]): string {
  return base.kind === "stage" ? `stage ${stages[base.stage]!.name}` : base.kind;
}

function baseName(base: Base): string {
  return base.kind === "image" ? base.reference : `debian ${base.suite} (${base.variant})`;
}

async function planImage(
  request: SnapshotRequest,
  files: readonly Segment[],
  bench: Workbench,
): Promise<PlannedImage> {
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
    return { platform, downloadBytes, layers: layers.map((layer) => knownLayerResult(layer, bench)) };
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
  return { platform, downloadBytes, layers };
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
