import type { LockedSources } from "../../ecosystems/locked-sources.ts";
import {
  type DefinedCopySource,
  type DefinedMount,
  type DefinedSource,
  type DefinedStage,
  type DefinedStages,
  type DefinedStep,
  neededStages,
} from "../../graph/defined-stages.ts";
import type {
  CopySourceOp,
  FileSource,
  StageConfig,
  StageGraph,
  Step,
  StepMount,
} from "../../graph/stages.ts";
import type { ImageSettings } from "../../image/config.ts";
import { type BaseSettings, inheritSettings, settingsOn, type Venv } from "../../image/inherit.ts";
import type { Platform } from "../../platform.ts";
import { sourceName } from "../sources/pinned-sources.ts";

export type GraphRequest = {
  readonly platform: Platform;
  /** What the image of a registry hands down that the packages of a stage stand on. */
  readonly inherited: ReadonlyMap<number, BaseSettings>;
  /** Of a stage with Python. */
  readonly venv: Venv;
  /** Answers for all that the needed stages take. */
  readonly sources: LockedSources;
};

/** The stages that one needs as a graph, with what the lock says put in. A set of packages is called by its stage's number. */
export function stageGraph(defined: DefinedStages, target: number, request: GraphRequest): StageGraph {
  const needed = neededStages(defined, target);
  const places = new Map(needed.map((old, now) => [old, now]));
  const settings = new Map<number, ImageSettings>();
  const stages = needed.map((index) => {
    const stage = defined.stages[index]!;
    const own = settingsOf(index, stage, settings, request);
    settings.set(index, own);
    const into = { places, env: own.env, request };
    return {
      name: stage.name,
      platform: request.platform,
      base: baseOf(index, stage, places),
      steps: stage.steps.map((step) => toStep(step, into)),
      // A health check is handed down as it is, and nobody reads it here.
      config: { ...own, onBuild: [], emptyHistory: [] } as unknown as StageConfig,
    };
  });
  const written = defined.stages.flatMap(({ name, isImage }) => (isImage ? [] : [name]));
  return { stages, target: places.get(target)!, proxies: [], written };
}

function baseOf(index: number, { base }: DefinedStage, places: ReadonlyMap<number, number>) {
  if (base.kind === "packages") return { kind: "packages", set: String(index) } as const;
  if (base.kind === "diff") {
    return { kind: "diff", lower: places.get(base.lower)!, upper: places.get(base.upper)! } as const;
  }
  return base.kind === "stage" ? ({ kind: "stage", stage: places.get(base.stage)! } as const) : base;
}

function settingsOf(
  index: number,
  { base, config }: DefinedStage,
  earlier: ReadonlyMap<number, ImageSettings>,
  { inherited, venv }: GraphRequest,
): ImageSettings {
  if (base.kind === "stage") return settingsOn(earlier.get(base.stage)!, config);
  const hasPython = base.kind === "packages" && base.packages.python !== undefined;
  return inheritSettings(inherited.get(index), config, hasPython ? venv : undefined);
}

type Into = {
  readonly places: ReadonlyMap<number, number>;
  readonly env: ImageSettings["env"];
  readonly request: GraphRequest;
};

function toStep(step: DefinedStep, into: Into): Step {
  if (step.op === "merge") return { ...step, stages: step.stages.map((index) => into.places.get(index)!) };
  if (step.op === "copy") return { ...step, sources: step.sources.map((source) => toSource(source, into)) };
  const env = new Map(into.env);
  for (const [name, value] of step.env) env.set(name, value);
  return { ...step, env: [...env], mounts: step.mounts.map((mount) => toMount(mount, into)) };
}

function toMount(mount: DefinedMount, into: Into): StepMount {
  if (mount.type === "bind") return { ...mount, from: filesOf(mount.from, into) };
  if (mount.type !== "cache") return mount;
  const { from, ...rest } = mount;
  return from === undefined ? rest : { ...rest, from: filesOf(from, into) };
}

function toSource(source: DefinedCopySource, into: Into): CopySourceOp {
  const { sources } = into.request;
  if (source.kind === "files") return { ...source, from: filesOf(source.from, into) };
  if (source.kind === "http" && source.checksum === undefined) {
    const pin = sources.http.find(({ url }) => url === sourceName(source.url));
    return pin === undefined ? source : { ...source, checksum: pin.digest };
  }
  if (source.kind === "git") {
    const pin = sources.git.find(({ url, ref }) => url === sourceName(source.url) && ref === source.ref);
    return pin === undefined ? source : { ...source, ref: pin.commit };
  }
  return source;
}

function filesOf(from: DefinedSource, { places, request }: Into): FileSource {
  if (from.kind === "stage") return { kind: "stage", stage: places.get(from.stage)! };
  if (from.kind !== "image") return from;
  const pin = request.sources.images.find(({ reference }) => reference === from.reference);
  const digest = pin?.targets[request.platform.architecture];
  if (digest === undefined) throw new TypeError(`nobody looked up ${from.reference}`);
  return { ...from, digest };
}
