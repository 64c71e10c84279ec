import type { IgnoreRule } from "../../context/docker-ignore.ts";
import { usageError } from "../../errors.ts";
import type { FileSource, Stage, StageGraph } from "../../graph/stages.ts";
import type { ConfigDocument } from "../../image/documents.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import { apply } from "./apply.ts";
import type { NamedContexts, Origin } from "./bases.ts";
import type { Warnings } from "./checks.ts";
import type { Escape } from "./directives.ts";
import type { Instruction, Text } from "./instructions.ts";
import { assertPlainFrom, type Lookups, lookupsOf, originsIn } from "./lookups.ts";
import { parseDockerfile } from "./parse.ts";
import { proxyVariables } from "./platform-args.ts";
import { platformFrom, type StagePlan } from "./stage-plan.ts";
import { StageState } from "./stage-state.ts";

/** An image that a stage stands on: its manifest's digest, and of its document what builders read. */
export type LoadedBase = {
  readonly digest: string;
  readonly config: ConfigDocument["config"];
  readonly author?: string;
};

/** What the command line says of the stages themselves. */
export type BuildOptions = {
  /** `--build-arg`. */
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Of the image. */
  readonly platform: Platform;
  /**
   * Asked once for each reference and platform, of stages that the target needs. `reference` is in full, with its tag
   * or digest, or the `oci-layout://` of a build context.
   */
  readonly loadBase: (reference: string, platform: Platform) => Promise<LoadedBase>;
};

/** What the stages of a file are built from. */
export type BuildInput = {
  readonly plans: readonly StagePlan[];
  readonly contexts: NamedContexts;
  readonly escapeMark: Escape;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly warnings: Warnings;
  readonly ignoreRules: readonly IgnoreRule[];
  /** Stages whose steps count as never done. */
  readonly forgotten: ReadonlySet<number>;
} & BuildOptions;

/** The graph of what a target needs, and which stages those are. */
export function buildStages(
  input: BuildInput,
  target: number,
): Promise<{ readonly graph: StageGraph; readonly needed: readonly number[] }> {
  return new StageBuild(input).graph(target);
}

class StageBuild {
  readonly #input: BuildInput;
  readonly #plans: readonly StagePlan[];
  readonly #lookups: Lookups;
  readonly #loads = new Map<string, Promise<LoadedBase>>();
  readonly #bases = new Map<string, LoadedBase>();
  /** Triggers of each stage's base, once that is known. */
  readonly #triggers = new Map<number, readonly Instruction[]>();

  constructor(input: BuildInput) {
    this.#input = input;
    this.#plans = input.plans;
    this.#lookups = lookupsOf(input.plans, input.contexts);
  }

  async graph(target: number) {
    const needed = await this.#load(target);
    const places = new Map(needed.map((index, place) => [index, place]));
    const states = new Map<number, StageState>();
    const stages: Stage[] = [];
    for (const index of needed) {
      const plan = this.#plans[index]!;
      const state = this.#begin(plan, states);
      states.set(index, state);
      const filesOf = (origin: Origin): FileSource => this.#sourceOf(origin, places);
      const surroundings = {
        ...this.#input,
        copySource: (name: string) => filesOf(this.#lookups.copy({ text: name, where: plan.from.where })),
        mountSource: (name: string) => filesOf(this.#lookups.mount({ text: name, where: plan.from.where })),
      };
      for (const instruction of this.#instructionsOf(plan)) apply(state, instruction, surroundings);
      stages.push(state.toStage(plan.name, this.#baseOf(plan, places)));
    }
    const { buildArgs } = this.#input;
    const forgotten = needed.flatMap((index, place) => (this.#input.forgotten.has(index) ? [place] : []));
    const graph: StageGraph = {
      ...{ stages, target: places.get(target)!, proxies: proxyVariables(buildArgs) },
      ...(forgotten.length > 0 && { forgotten }),
    };
    return { graph, needed };
  }

  /**
   * The stages that the target needs, in their order, once all images that they take are known. An image's triggers
   * may need further stages and images, so this goes on until nothing is new.
   */
  async #load(target: number): Promise<readonly number[]> {
    for (;;) {
      const needed = this.#reachable(target);
      const fresh = needed.flatMap((index) => this.#imagesOf(this.#plans[index]!));
      await Promise.all(fresh.map(({ reference, platform }) => this.#loadBase(reference, platform)));
      const open = needed.filter((index) => !this.#triggers.has(index));
      if (open.length === 0) return needed;
      for (const index of open) this.#triggers.set(index, this.#triggersOf(this.#plans[index]!));
    }
  }

  /** In ascending order. Whatever a stage needs stands above it. */
  #reachable(target: number): readonly number[] {
    const needed = new Set([target]);
    for (let index = target; index >= 0; index--) {
      if (!needed.has(index)) continue;
      const plan = this.#plans[index]!;
      if (plan.base.kind === "stage") needed.add(plan.base.stage);
      for (const [name, origin] of originsIn(this.#instructionsOf(plan), this.#lookups)) {
        if (origin.kind !== "stage") continue;
        if (origin.stage >= index) throw notAbove(name, this.#plans[origin.stage]!, plan);
        needed.add(origin.stage);
      }
    }
    return [...needed].sort((a, b) => a - b);
  }

  #instructionsOf(plan: StagePlan): readonly Instruction[] {
    return [...(this.#triggers.get(plan.index) ?? []), ...plan.instructions];
  }

  #imagesOf(plan: StagePlan): { readonly reference: string; readonly platform: Platform }[] {
    const base =
      plan.base.kind === "image"
        ? [{ reference: plan.base.reference, platform: this.#platformOf(plan) }]
        : [];
    const sources = originsIn(this.#instructionsOf(plan), this.#lookups).flatMap(([, origin]) =>
      origin.kind === "image" ? [{ reference: origin.reference, platform: this.#input.platform }] : [],
    );
    return [...base, ...sources];
  }

  #platformOf(plan: StagePlan): Platform {
    return plan.platform === undefined ? this.#input.platform : platformFrom(plan.platform);
  }

  async #loadBase(reference: string, platform: Platform): Promise<void> {
    const key = keyOf(reference, platform);
    const load = this.#loads.get(key) ?? this.#input.loadBase(reference, platform);
    this.#loads.set(key, load);
    this.#bases.set(key, await load);
  }

  #baseImage(reference: string, platform: Platform): LoadedBase {
    return this.#bases.get(keyOf(reference, platform))!;
  }

  /** ONBUILD of the image, or of the stage in this file. They stand where FROM does. */
  #triggersOf(plan: StagePlan): readonly Instruction[] {
    const place = () => plan.from.where;
    return this.#triggerTexts(plan).flatMap((text) => {
      const { instructions } = parseDockerfile(text, place);
      const [only, ...more] = instructions.map((instruction) => ({ ...instruction, line: plan.from.line }));
      if (only === undefined || more.length > 0 || only.kind === "from" || only.kind === "onbuild") {
        throw usageError(
          "DOCKERFILE_INSTRUCTION",
          `${plan.from.where}: a trigger of the base is not one instruction: ${JSON.stringify(text)}`,
        );
      }
      assertPlainFrom([only], this.#input.escapeMark);
      return [only];
    });
  }

  #triggerTexts({ base, ...plan }: StagePlan): readonly string[] {
    if (base.kind === "image") {
      return this.#baseImage(base.reference, this.#platformOf({ base, ...plan })).config?.OnBuild ?? [];
    }
    if (base.kind !== "stage") return [];
    return this.#plans[base.stage]!.instructions.flatMap((instruction) =>
      instruction.kind === "onbuild" ? [instruction.trigger] : [],
    );
  }

  #begin(plan: StagePlan, states: ReadonlyMap<number, StageState>): StageState {
    const { base } = plan;
    if (base.kind === "scratch") return StageState.onScratch(this.#input.platform);
    if (base.kind === "stage") return StageState.onStage(states.get(base.stage)!);
    const platform = this.#platformOf(plan);
    // Files say nothing of a config.
    if (base.kind === "context") return StageState.onScratch(platform);
    const { config, author } = this.#baseImage(base.reference, platform);
    return StageState.onImage(platform, config, author);
  }

  #baseOf(plan: StagePlan, places: ReadonlyMap<number, number>): Stage["base"] {
    const { base } = plan;
    if (base.kind === "image") {
      const { digest } = this.#baseImage(base.reference, this.#platformOf(plan));
      return { kind: "image", reference: base.reference, digest };
    }
    return base.kind === "stage" ? { kind: "stage", stage: places.get(base.stage)! } : base;
  }

  #sourceOf(origin: Origin, places: ReadonlyMap<number, number>): FileSource {
    if (origin.kind === "stage") return { kind: "stage", stage: places.get(origin.stage)! };
    if (origin.kind !== "image") return origin;
    const { digest } = this.#baseImage(origin.reference, this.#input.platform);
    return { kind: "image", reference: origin.reference, digest };
  }
}

function keyOf(reference: string, platform: Platform): string {
  return `${reference} ${formatPlatform(platform)}`;
}

function notAbove(name: Text, wanted: StagePlan, plan: StagePlan): Error {
  return usageError(
    "DOCKERFILE_STAGE",
    `${name.where}: from=${name.text}: the stage ${wanted.name} does not stand above the stage ${plan.name}`,
    "A stage takes files from stages above it.",
  );
}
