import { allSteps, counterpart, type PlacedStep } from "./counterpart.ts";
import type { Difference } from "./difference.ts";
import type { Witness } from "./evidence.ts";
import { ImageComparison } from "./image-comparison.ts";
import { lensOf } from "./lens.ts";
import type { LoggedBuild, LoggedImage, LoggedStep, Made } from "./logged-build.ts";

/** Why a step missed. */
export type Cause = {
  /**
   * `changed`: see `differences`; `new`: no earlier build had it; `lost`: what it came to is gone; `failed`: an earlier
   * build of the same key failed; `forgotten`: --no-cache; `unknown`: what the earlier build was made of is not kept.
   */
  readonly kind: "changed" | "new" | "lost" | "failed" | "forgotten" | "unknown";
  readonly differences: readonly Difference[];
  /** Absent where nothing was compared. */
  readonly comparedWith?: ComparedBuild;
};

export type ComparedBuild = Pick<LoggedBuild, "id" | "startedMs" | "where">;

/** Causes of a build's misses, against earlier builds of the same project: plain data in, plain data out. */
export class BuildExplainer {
  readonly #now: Witness;
  /** Newest first. */
  readonly #earlier: readonly Witness[];
  readonly #causes = new Map<LoggedStep, Cause>();
  readonly #comparisons = new Map<LoggedImage, Map<LoggedImage, ImageComparison>>();

  /** @param earlier of the same project, in any order */
  constructor(now: Witness, earlier: readonly Witness[]) {
    this.#now = now;
    this.#earlier = earlier.toSorted((a, b) => b.build.startedMs - a.build.startedMs);
  }

  /** Undefined for a hit. */
  cause(place: PlacedStep): Cause | undefined {
    const { step } = place;
    if (step.outcome === "hit") return undefined;
    const known = this.#causes.get(step) ?? this.#causeOf(place);
    this.#causes.set(step, known);
    return known;
  }

  /** Where the result of a hit was made, as earlier builds have it. */
  made({ key }: LoggedStep): Made | undefined {
    if (key === undefined) return undefined;
    for (const witness of this.#earlier) {
      const found = stepOfKey(witness, key, ({ outcome }) => outcome === "miss");
      const { startedMs: atMs, where } = witness.build;
      if (found !== undefined) return { atMs, tookMs: found.tookMs, ...(where !== undefined && { where }) };
    }
    return undefined;
  }

  #causeOf(place: PlacedStep): Cause {
    const { step } = place;
    if (step.cause === "no-cache") return { kind: "forgotten", differences: [] };
    const { key } = step;
    if (key === undefined) return { kind: "unknown", differences: [] };
    const same = this.#earlier.filter((one) => stepOfKey(one, key) !== undefined);
    const made = same.find((one) => stepOfKey(one, key, isMade) !== undefined);
    if (step.cause === "lost" || made !== undefined) {
      return { kind: "lost", differences: [], ...(made && { comparedWith: compared(made) }) };
    }
    const [failed] = same;
    if (failed !== undefined) return { kind: "failed", differences: [], comparedWith: compared(failed) };
    const found = this.#mostAlike(place);
    if (found === undefined) return { kind: "new", differences: [] };
    const { witness, other } = found;
    const differences = this.#comparison(witness, place.image, other.image).between(place, other);
    const comparedWith = compared(witness);
    if (differences === undefined) return { kind: "unknown", differences: [], comparedWith };
    // The same files, found again: what is gone is the layer that had them.
    if (differences.length === 0) return { kind: "lost", differences, comparedWith };
    return { kind: "changed", differences, comparedWith };
  }

  #comparison(witness: Witness, image: LoggedImage, other: LoggedImage): ImageComparison {
    const known = this.#comparisons.get(image) ?? new Map<LoggedImage, ImageComparison>();
    this.#comparisons.set(image, known);
    const comparison = known.get(other) ?? new ImageComparison(this.#now, witness, image, other);
    known.set(other, comparison);
    return comparison;
  }

  /** Of the newest build with the same stage and text, else of the newest with something at this place. */
  #mostAlike(place: PlacedStep): { readonly witness: Witness; readonly other: PlacedStep } | undefined {
    let second: { readonly witness: Witness; readonly other: PlacedStep } | undefined;
    for (const witness of this.#earlier) {
      const other = counterpart(place, witness.build, lensOf(witness));
      if (other === undefined) continue;
      const isNear = other.image.platform === place.image.platform;
      if (other.isSameText && isNear) return { witness, other };
      second ??= { witness, other };
    }
    return second;
  }
}

function isMade({ outcome }: LoggedStep): boolean {
  return outcome === "hit" || outcome === "miss";
}

function stepOfKey(
  witness: Witness,
  key: string,
  is: (step: LoggedStep) => boolean = () => true,
): LoggedStep | undefined {
  const lens = lensOf(witness);
  const steps = witness.build.images.flatMap(allSteps).map(({ step }) => step);
  return steps.find((step) => step.key !== undefined && lens.same(step.key, key) && is(step));
}

function compared({ build: { id, startedMs, where } }: Witness): ComparedBuild {
  return { id, startedMs, ...(where !== undefined && { where }) };
}
