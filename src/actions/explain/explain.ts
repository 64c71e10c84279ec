import { usageError } from "../../errors.ts";
import { causeText, rootText } from "../../explain/cause-text.ts";
import type { PlacedStep } from "../../explain/counterpart.ts";
import { allSteps } from "../../explain/counterpart.ts";
import type { KeyDocument } from "../../explain/documents.ts";
import type { Witness } from "../../explain/evidence.ts";
import { BuildExplainer } from "../../explain/explain-build.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import type { BuildList, ExplainedStep, ExplainResult, MissResult, StepCause } from "../results.ts";
import { openedStore } from "../session.ts";
import type { BuildListSettings, ExplainSettings } from "../settings.ts";
import { buildsOfElsewhere } from "./elsewhere.ts";
import { loggedBuilds } from "./kept-builds.ts";
import { storeWitness } from "./store-witness.ts";

const LIST_HINT = "See which there are: cambium explain --list";

/**
 * How each step of an earlier build went, and why those missed that did.
 * @throws CambiumError `BUILD_UNKNOWN`.
 */
export async function explain(settings: ExplainSettings): Promise<ExplainResult> {
  const store = openedStore(settings);
  try {
    const builds = loggedBuilds(store);
    const build = chosenBuild(builds, settings);
    return explained(build, explainerOf(build, builds, store, settings.elsewhere), settings.step);
  } finally {
    store.close();
  }
}

/** Builds that `explain` knows, newest first. */
export async function listBuilds(settings: BuildListSettings): Promise<BuildList> {
  const store = openedStore(settings);
  try {
    return { builds: loggedBuilds(store).reverse().map(factsOf) };
  } finally {
    store.close();
  }
}

/** Of all that were not known, the step that took longest. Undefined where all were. */
export function mostExpensiveMiss(
  build: LoggedBuild,
  store: Store,
  elsewhere: readonly Witness[] = [],
): MissResult | undefined {
  return missOf(build, explainerOf(build, loggedBuilds(store), store, elsewhere));
}

/** Why a step of a plan is not known; undefined for one that is. */
export function stepCauses(
  build: LoggedBuild,
  { store, trace }: Pick<Workbench, "store" | "trace">,
  elsewhere: readonly Witness[] = [],
): (place: PlacedStep) => StepCause | undefined {
  const explainer = explainerOf(build, loggedBuilds(store), store, elsewhere, trace?.documents());
  return (place) => causeOf(place, build, explainer);
}

function explainerOf(
  build: LoggedBuild,
  builds: readonly LoggedBuild[],
  store: Store,
  elsewhere: readonly Witness[] = [],
  documents?: ReadonlyMap<string, () => KeyDocument>,
): BuildExplainer {
  const ofProject = builds.filter((one) => one.id < build.id && isSameProject(one, build));
  const ofSource = ofProject.filter(({ source }) => source === build.source);
  const earlier = ofSource.length > 0 ? ofSource : ofProject;
  const witnesses = earlier.map((one) => storeWitness(one, store));
  const others = [...buildsOfElsewhere(build, store), ...elsewhere];
  return new BuildExplainer(storeWitness(build, store, documents), [...witnesses, ...others]);
}

/** A tag may be what names a project, and not every command is told one: its folder will do. */
function isSameProject(one: LoggedBuild, other: LoggedBuild): boolean {
  return one.project === other.project || (one.folder !== undefined && one.folder === other.folder);
}

/** The last build of the folder where this is asked, else the last one; or an id or its beginning, or a number of builds back. */
function chosenBuild(
  builds: readonly LoggedBuild[],
  { build, cwd }: Pick<ExplainSettings, "build" | "cwd">,
): LoggedBuild {
  const here = builds.filter(({ folder }) => folder === cwd);
  const own = here.length > 0 ? here : builds;
  if (own.length === 0) {
    throw usageError("BUILD_UNKNOWN", "no build is kept in this store", "Build something: cambium build");
  }
  if (build === undefined || /^\d{1,3}$/.test(build)) {
    const found = own.at(-1 - Number(build ?? 0));
    if (found !== undefined) return found;
    throw usageError("BUILD_UNKNOWN", `build ${build}: only ${own.length} are kept`, LIST_HINT);
  }
  const matching = builds.filter(({ id }) => id.startsWith(build) || id.endsWith(build));
  if (matching.length === 1) return matching[0]!;
  if (matching.length > 1) {
    throw usageError("BUILD_UNKNOWN", `several builds have ids like ${JSON.stringify(build)}`, LIST_HINT);
  }
  throw usageError("BUILD_UNKNOWN", `no build has the id ${JSON.stringify(build)}`, LIST_HINT);
}

function explained(build: LoggedBuild, explainer: BuildExplainer, wanted: string | undefined): ExplainResult {
  const images = build.images.map((image) => ({
    platform: image.platform,
    stages: image.stages.map((stage) => ({
      name: stage.name,
      steps: stage.steps
        .filter(({ line, text }) => isWanted(wanted, line, text))
        .map((step): ExplainedStep => {
          const cause = causeOf({ image, stage, step }, build, explainer);
          const { line, text, where, op, outcome, tookMs, key } = step;
          const made = outcome === "hit" ? (step.made ?? explainer.made(step)) : undefined;
          return {
            ...{ line, text, op, outcome, tookMs },
            ...(where !== undefined && { where }),
            ...(key !== undefined && { key }),
            ...(made !== undefined && { made }),
            ...(cause !== undefined && { cause }),
          };
        }),
    })),
  }));
  const miss = missOf(build, explainer);
  return { build: factsOf(build), images, ...(miss !== undefined && { mostExpensiveMiss: miss }) };
}

/** `--step`: a line, or words of it. */
function isWanted(wanted: string | undefined, line: number, text: string): boolean {
  if (wanted === undefined) return true;
  return /^\d+$/.test(wanted) ? line === Number(wanted) : text.includes(wanted);
}

function missOf(build: LoggedBuild, explainer: BuildExplainer): MissResult | undefined {
  const missed = build.images.flatMap(allSteps).filter(({ step }) => step.outcome === "miss");
  const [first] = missed.toSorted((a, b) => b.step.tookMs - a.step.tookMs);
  const cause = first && causeOf(first, build, explainer);
  if (first === undefined || cause === undefined) return undefined;
  const { text, tookMs } = first.step;
  return { stage: first.stage.name, text, elapsedMs: tookMs, cause: cause.text };
}

function causeOf(place: PlacedStep, build: LoggedBuild, explainer: BuildExplainer): StepCause | undefined {
  const cause = explainer.cause(place);
  if (cause === undefined) return undefined;
  const stage = build.noCache === true ? undefined : place.stage.name;
  const differences = cause.differences.map((one) => ({ ...one, text: rootText([one]) }));
  return { ...cause, differences, text: causeText(cause, stage) };
}

function factsOf({ version: _, images: __, ...facts }: LoggedBuild): BuildList["builds"][number] {
  return facts;
}
