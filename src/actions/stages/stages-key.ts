import { canonicalJson } from "../../canonical-json.ts";
import { copyInto } from "../../context/copy-into.ts";
import { sourceTree } from "../../context/source-tree.ts";
import { TargetTree } from "../../context/target-tree.ts";
import { CambiumError } from "../../errors.ts";
import type { CopySourceOp, FileSource, StageBase, StageGraph, Step } from "../../graph/stages.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { commitOf } from "../../solve/sources/git-source.ts";
import { httpSource } from "../../solve/sources/http-source.ts";
import { StageFiles } from "../../solve/steps/stage-files.ts";
import type { StageSettings } from "../../solve/steps/stage-solver.ts";
import type { Workbench } from "../../solve/workbench.ts";

type KeySettings = Pick<StageSettings, "context" | "contexts" | "network" | "sourceDateEpoch"> & {
  /** Definition key of packages that a stage stands on. */
  readonly packageKey?: ((set: string) => Digest) | undefined;
};

/**
 * Definition key of an image that is built in stages: the graph with its sources resolved, and every file that its steps
 * take from build contexts; with the keys of packages, and what is in the key of every RUN besides. A hit needs no step
 * and no layer.
 * `{"created":"…","graph":{…},"layoutVersions":{…},"network":"host","taken":["…"]}`
 * @returns undefined where a source cannot be read: the step that takes it says why.
 */
export async function stagesKey(
  graph: StageGraph,
  settings: KeySettings,
  created: string,
  bench: Workbench,
): Promise<Digest | undefined> {
  const { network, sourceDateEpoch, packageKey } = settings;
  const files = new StageFiles(
    graph,
    settings,
    () => Promise.reject(new TypeError("no stage is asked")),
    bench,
  );
  try {
    const taken: unknown[] = [];
    for (const { base, steps } of graph.stages) {
      taken.push(await takenByBase(base, files, packageKey, bench));
      for (const step of steps) taken.push(await takenByStep(step, files, bench));
    }
    // What was computed of the files serves the build that follows.
    await files.save();
    return digestOf(
      canonicalJson({
        ...{ layoutVersions: LAYOUT_VERSIONS, created, graph: stripped(graph), taken },
        network,
        ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
      }),
    );
  } catch (error) {
    bench.signal.throwIfAborted();
    if (error instanceof CambiumError) return undefined;
    throw error;
  }
}

/** Of bases and steps; what people name as they like, such as labels, is in neither. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(["line", "reference", "set"]);

/** Without where things are called and where they stand, and without what belongs to the machine. */
function stripped({ stages, target }: StageGraph): unknown {
  const strip = (part: object): object =>
    JSON.parse(
      JSON.stringify(part, (name, value: unknown) => (OF_THE_MACHINE.has(name) ? undefined : value)),
    );
  return {
    stages: stages.map(({ base, steps, ...stage }) => ({ ...stage, ...strip({ base, steps }) })),
    target,
  };
}

async function takenByBase(
  base: StageBase,
  files: StageFiles,
  packageKey: KeySettings["packageKey"],
  bench: Workbench,
): Promise<unknown> {
  if (base.kind === "packages") return packageKey!(base.set);
  return base.kind === "context"
    ? filesAt({ kind: "context", name: base.name }, { path: "/" }, files, bench)
    : null;
}

async function takenByStep(step: Step, files: StageFiles, bench: Workbench): Promise<unknown> {
  const taken: unknown[] = [];
  if (step.op === "copy") {
    for (const source of step.sources) taken.push(await takenByCopy(source, step, files, bench));
  }
  if (step.op === "run") {
    for (const mount of step.mounts) {
      if (mount.type !== "bind") continue;
      taken.push(await filesAt(mount.from, { path: mount.source === "" ? "/" : mount.source }, files, bench));
    }
  }
  return taken;
}

async function takenByCopy(
  source: CopySourceOp,
  { exclude, keepsParents }: Extract<Step, { op: "copy" }>,
  files: StageFiles,
  bench: Workbench,
): Promise<unknown> {
  switch (source.kind) {
    case "files": {
      const taken: unknown[] = [];
      for (const path of source.paths) {
        taken.push(
          await filesAt(source.from, { path, isPattern: true, exclude, keepsParents }, files, bench),
        );
      }
      return taken;
    }
    case "http": {
      if (source.checksum !== undefined) return source.checksum;
      const content = await httpSource(source, bench);
      const [file] = content.entries;
      return file?.type === "file" ? content.digest(file) : null;
    }
    case "git":
      return (await commitOf(source, bench)).commit;
    case "inline":
    case "generated":
      return null;
  }
}

type Selection = {
  readonly path: string;
  readonly isPattern?: boolean;
  readonly exclude?: readonly string[];
  readonly keepsParents?: boolean;
};

/**
 * Digest of what a selection has, times aside; null for what the graph says itself. Of files with the stamps of an earlier
 * build it is known: to compute it means to lay out the tree of every COPY.
 */
async function filesAt(
  from: FileSource,
  selection: Selection,
  files: StageFiles,
  { store }: Workbench,
): Promise<Digest | null> {
  if (from.kind !== "context") return null;
  const stamp = await files.identity(from, [selection.keepsParents === true ? "/" : selection.path]);
  // Undefined: a file changed just now.
  const key = stamp === undefined ? undefined : digestOf(canonicalJson({ stamp, ...selection }));
  const known = key === undefined ? undefined : (store.records.get("taken", key) as Digest | undefined);
  if (known !== undefined) return known;
  const taken = digestOf(canonicalJson(await selected(from, selection, files)));
  if (key !== undefined) store.records.put("taken", key, taken);
  return taken;
}

async function selected(from: FileSource, selection: Selection, files: StageFiles): Promise<unknown[]> {
  const target = new TargetTree(undefined);
  const source = await files.source(from);
  copyInto(target, sourceTree(source), { isPattern: false, ...selection }, { destination: "/" });
  const found: unknown[] = [];
  for (const entry of target.entries()) {
    const { path, type, mode } = entry;
    const link = "target" in entry ? entry.target : undefined;
    const digest = entry.type === "file" ? await entry.from.digest(entry.content) : undefined;
    found.push({ path, type, mode, link, digest });
  }
  return found;
}
