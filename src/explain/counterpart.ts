import type { Lens } from "./lens.ts";
import type { LoggedBuild, LoggedImage, LoggedStage, LoggedStep } from "./logged-build.ts";

/** A step with where it stands in its build. */
export type PlacedStep = {
  readonly image: LoggedImage;
  readonly stage: LoggedStage;
  readonly step: LoggedStep;
};

/**
 * The step of an earlier build that this one is most like: of the same stage with the same text; else the one at its
 * place, unless that is another step's. An image of the same platform comes first.
 */
export function counterpart(
  { image, stage, step }: PlacedStep,
  earlier: LoggedBuild,
  lens: Lens,
): (PlacedStep & { readonly isSameText: boolean }) | undefined {
  const images = earlier.images.toSorted(
    (a, b) => Number(b.platform === image.platform) - Number(a.platform === image.platform),
  );
  for (const other of images) {
    const its =
      other.stages.find(({ name }) => lens.same(name, stage.name)) ?? atPlace(image, stage, other, lens);
    if (its === undefined) continue;
    const found = inStage(step, stage, its, lens);
    if (found === undefined) continue;
    return { image: other, stage: its, step: found, isSameText: lens.same(found.text, step.text) };
  }
  return undefined;
}

/** A stage that was renamed, unless another one has its name now. */
function atPlace(image: LoggedImage, stage: LoggedStage, other: LoggedImage, lens: Lens) {
  const its = other.stages[image.stages.indexOf(stage)];
  return image.stages.some(({ name }) => its !== undefined && lens.same(its.name, name)) ? undefined : its;
}

function inStage(step: LoggedStep, stage: LoggedStage, its: LoggedStage, lens: Lens): LoggedStep | undefined {
  const alike = its.steps.filter(({ op, text }) => op === step.op && lens.same(text, step.text));
  if (alike.length > 0) {
    // The same text twice in a stage: the first is the first.
    const same = stage.steps.filter(({ op, text }) => op === step.op && text === step.text);
    return alike[Math.min(same.indexOf(step), alike.length - 1)];
  }
  const isOthers = (other: LoggedStep) =>
    stage.steps.some((one) => one !== step && one.op === other.op && lens.same(other.text, one.text));
  const isTaken = (one: LoggedStep) =>
    its.steps.some(({ op, text }) => op === one.op && lens.same(text, one.text));
  // Counted among those of both stages that have no counterpart by their text.
  const left = stage.steps.filter((one) => one.op === step.op && !isTaken(one));
  const free = its.steps.filter((one) => one.op === step.op && !isOthers(one));
  return free[left.indexOf(step)];
}

/** All steps of an image with their places, bottom up. */
export function allSteps(image: LoggedImage): PlacedStep[] {
  return image.stages.flatMap((stage) => stage.steps.map((step) => ({ image, stage, step })));
}
