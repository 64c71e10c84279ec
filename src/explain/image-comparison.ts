import type { FileSource } from "../graph/stages.ts";
import type { ContentIds } from "../graph/step-key.ts";
import { compareFileSteps, copiedFrom, layoutDifferences, unexplainedPaths } from "./compare-files.ts";
import { compareListings } from "./compare-listings.ts";
import { comparePackages } from "./compare-packages.ts";
import { compareRuns, epochDifference } from "./compare-run.ts";
import { allSteps, counterpart, type PlacedStep } from "./counterpart.ts";
import { type Because, type Difference, shortened } from "./difference.ts";
import type { FileKeyDocument, KeyDocument } from "./documents.ts";
import type { Witness } from "./evidence.ts";
import { type Lens, lensOf } from "./lens.ts";
import type { LoggedImage, LoggedStage, LoggedStep } from "./logged-build.ts";

/** How many of many paths are told; the rest is a number. */
const MAX_PATHS = 20;

/** One build beside another, image by image. */
export class ImageComparison {
  readonly #now: Witness;
  readonly #before: Witness;
  readonly #lens: Lens;
  readonly #image: LoggedImage;
  readonly #other: LoggedImage;
  readonly #known = new Map<
    LoggedStep,
    { readonly before: LoggedStep; readonly differences: readonly Difference[] | undefined }
  >();
  #pairs: ReadonlyMap<LoggedStep, PlacedStep> | undefined;

  constructor(now: Witness, before: Witness, image: LoggedImage, other: LoggedImage) {
    this.#now = now;
    this.#before = before;
    this.#lens = lensOf(before);
    this.#image = image;
    this.#other = other;
  }

  /** Undefined where what one of them was made of is not kept. */
  between(now: PlacedStep, before: PlacedStep): readonly Difference[] | undefined {
    const known = this.#known.get(now.step);
    if (known?.before === before.step) return known.differences;
    // What another machine told may go in circles: it ends where it began.
    this.#known.set(now.step, { before: before.step, differences: undefined });
    const [ours, theirs] = [documentOf(this.#now, now.step), documentOf(this.#before, before.step)];
    const isKnown = ours !== undefined && theirs !== undefined;
    const differences = isKnown ? this.#differences(theirs, ours, now, before) : undefined;
    this.#known.set(now.step, { before: before.step, differences });
    return differences;
  }

  #differences(
    before: KeyDocument,
    now: KeyDocument,
    place: PlacedStep,
    other: PlacedStep,
  ): readonly Difference[] | undefined {
    const lens = this.#lens;
    const below = (a: ContentIds, b: ContentIds) => this.#below(a, b);
    if (isFiles(before) && isFiles(now)) return this.#fileDifferences(before, now, place, other);
    if (isFiles(before) || isFiles(now)) return undefined;
    if (before.op === "run" && now.op === "run") {
      const mounted = (a: string, b: string, target: string) => this.#mounted(a, b, target);
      return [...compareRuns(before, now, lens, mounted), ...below(before.below, now.below)];
    }
    if (before.op === "packages" && now.op === "packages") {
      return comparePackages(before, now, lens, (a, b) => this.#paths(a, b, (path) => `/${path}`));
    }
    if (before.op === "base" && now.op === "base") {
      if (!lens.same(before.reference, now.reference)) {
        const shown = shortened(lens.shown(before.reference), now.reference);
        return [{ field: "base", change: "changed", ...shown }];
      }
      if (lens.same(before.digest, now.digest)) return [];
      const paths = this.#paths(before.digest, now.digest);
      if (paths.length > 0) return paths;
      const shown = shortened(lens.shown(before.digest), now.digest);
      return [{ field: "base", name: now.reference, change: "changed", ...shown }];
    }
    if (before.op === "merge" && now.op === "merge") {
      const names = (list: typeof now.merged) => list.map(({ name }) => name).join(" ");
      const sameNames =
        before.merged.length === now.merged.length &&
        now.merged.every(({ name }, at) => lens.same(before.merged[at]!.name, name));
      return [
        ...(sameNames
          ? now.merged.flatMap(({ contents }, at) => below(before.merged[at]!.contents, contents))
          : [
              {
                field: "stage",
                change: "changed",
                ...shortened(this.#hidden(names(before.merged)), names(now.merged)),
              } as const,
            ]),
        ...below(before.below, now.below),
        ...layoutDifferences(before.layoutVersions, now.layoutVersions),
        ...epochDifference(before.mtimeSec, now.mtimeSec),
      ];
    }
    if (before.op === "diff" && now.op === "diff") {
      return [
        ...below(before.upper, now.upper),
        ...below(before.lower, now.lower),
        ...layoutDifferences(before.layoutVersions, now.layoutVersions),
        ...epochDifference(before.mtimeSec, now.mtimeSec),
      ];
    }
    return undefined;
  }

  #hidden(text: string): string | undefined {
    return this.#before.salt === undefined ? text : undefined;
  }

  #fileDifferences(
    before: FileKeyDocument,
    now: FileKeyDocument,
    place: PlacedStep,
    other: PlacedStep,
  ): readonly Difference[] {
    const fields = compareFileSteps(before, now, this.#lens, {
      before: (stage) => this.#other.stages[stage]?.name,
      now: (stage) => this.#image.stages[stage]?.name,
    });
    const { step } = now;
    const [a, b] = [other.step.contents[0], place.step.contents[0]];
    const isSame = (a ?? "") === (b ?? "") || (a !== undefined && b !== undefined && this.#lens.same(a, b));
    if (isSame) return fields.length > 0 ? fields : this.#below(before.below, now.below);
    const shown = (path: string) => (step.op === "copy" ? copiedFrom(step, path) : `/${path}`);
    const paths = this.#paths(a, b, shown);
    if (fields.length > 0) return [...fields, ...unexplainedPaths(fields, paths)];
    const sources = step.op === "copy" ? step.sources : [];
    const from = sources.flatMap((source) => (source.kind === "files" ? [source.from] : []));
    const because = this.#becauseOfStages(from, paths);
    if (because.length > 0) return because;
    return paths.length > 0 ? paths : [{ field: "path", change: "changed" }];
  }

  /** Files of a stage changed: which of its steps left other ones. */
  #becauseOfStages(from: readonly FileSource[], paths: readonly Difference[]): Difference[] {
    return from.flatMap((source) => {
      if (source.kind !== "stage") return [];
      const stage = this.#image.stages[source.stage];
      if (stage === undefined) return [];
      const its =
        this.#other.stages.find(({ name }) => this.#lens.same(name, stage.name)) ??
        this.#other.stages[source.stage];
      if (its === undefined) return [];
      const found = this.#below(contentsOf(this.#other, its), contentsOf(this.#image, stage));
      const names = new Set(paths.map(({ name }) => baseName(name ?? "")));
      const touching = found.filter(({ because }) => {
        const made = because && this.#made(because);
        return made?.some((content) =>
          this.#now.listing(content)?.some(({ path }) => names.has(baseName(path))),
        );
      });
      return touching.length > 0 ? touching : found;
    });
  }

  #made({ stage, step }: Because): ContentIds | undefined {
    const its = this.#image.stages.find(({ name }) => name === stage);
    return its?.steps.find(({ line, text }) => line === step.line && text === step.text)?.contents;
  }

  /** What two bind mounts show that differs: whose step left it, else which paths. */
  #mounted(before: string, now: string, target: string): readonly Difference[] {
    const [theirs, ours] = [this.#before.bound(before), this.#now.bound(now)];
    if (theirs === undefined || ours === undefined) {
      return [{ field: "mount", name: target, change: "changed" }];
    }
    const traced = this.#below(theirs.contents, ours.contents).filter(({ because }) => because !== undefined);
    if (traced.length > 0) return traced.map((one) => ({ ...one, within: target }));
    const root = ours.source.replace(/^\.?\/*/, "").replace(/\/+$/, "");
    const inside = (path: string) => root === "" || path === root || path.startsWith(`${root}/`);
    const paths = this.#paths(theirs.contents.at(-1), ours.contents.at(-1), (path) => path).filter(
      ({ name }) => name === undefined || inside(name),
    );
    if (paths.length > 0) return paths.map((one) => ({ ...one, within: target }));
    return [{ field: "mount", name: target, change: "changed" }];
  }

  #paths(
    before: string | undefined,
    now: string | undefined,
    shown: (path: string) => string = (path) => path,
  ): Difference[] {
    if (before === now) return [];
    if (before !== undefined && now !== undefined && this.#lens.same(before, now)) return [];
    const theirs = before === undefined ? [] : this.#before.listing(before);
    const ours = now === undefined ? [] : this.#now.listing(now);
    if (theirs === undefined || ours === undefined) return [];
    const changes = compareListings(theirs, ours, this.#lens);
    const told = changes.slice(0, MAX_PATHS).map(({ path, ...change }): Difference => {
      return { field: "path", ...(path !== "" && { name: shown(path) }), ...change };
    });
    const rest = changes.length - told.length;
    return rest === 0 ? told : [...told, { field: "path", change: "changed", now: `${rest} more` }];
  }

  /** What a step stands on, traced to the steps that made it. */
  #below(before: ContentIds, now: ContentIds): readonly Difference[] {
    const gone = before.filter((id) => !now.some((ours) => this.#lens.same(id, ours)));
    const came = now.filter((id) => !before.some((theirs) => this.#lens.same(theirs, id)));
    if (gone.length === 0 && came.length === 0) {
      return before.length === now.length && now.every((id, at) => this.#lens.same(before[at]!, id))
        ? []
        : [{ field: "below", change: "changed", now: "in another order" }];
    }
    const makers = makersOf(this.#image, came);
    const matched = new Set<LoggedStep>();
    const found: Difference[] = [];
    for (const maker of makers) {
      const other = this.#counterpart(maker.step);
      if (other !== undefined) matched.add(other.step);
      found.push(this.#traced(maker, other));
    }
    const still = new Set([...this.#allPairs().values()].map(({ step }) => step));
    for (const maker of makersOf(this.#other, gone)) {
      if (matched.has(maker.step) || still.has(maker.step)) continue;
      const because = { ...placeOf(maker, this.#before.salt !== undefined), differences: [] };
      found.push({ field: "below", change: "removed", because });
    }
    return found.length > 0 ? withoutDerived(found) : [{ field: "below", change: "changed" }];
  }

  #counterpart(step: LoggedStep): PlacedStep | undefined {
    return this.#allPairs().get(step);
  }

  #allPairs(): ReadonlyMap<LoggedStep, PlacedStep> {
    if (this.#pairs !== undefined) return this.#pairs;
    const build = { ...this.#before.build, images: [this.#other] };
    const pairs = allSteps(this.#image).flatMap((ours) => {
      const theirs = counterpart(ours, build, this.#lens);
      return theirs === undefined ? [] : [[ours.step, theirs] as const];
    });
    this.#pairs = new Map(pairs);
    return this.#pairs;
  }

  #traced(maker: PlacedStep, other: PlacedStep | undefined): Difference {
    const because = placeOf(maker);
    if (other === undefined)
      return { field: "below", change: "added", because: { ...because, differences: [] } };
    const differences = this.between(maker, other) ?? [];
    const isForgotten = maker.step.cause === "no-cache";
    return {
      field: "below",
      change: "changed",
      because: { ...because, differences, ...(isForgotten && { isForgotten }) },
    };
  }
}

/** Steps that differ only because of others that are told beside them say nothing more. */
function withoutDerived(found: readonly Difference[]): readonly Difference[] {
  const told = new Set(found.map(({ because }) => because && nameOf(because)));
  const own = found.filter(({ because }) => {
    const causes = because?.differences ?? [];
    return causes.length === 0 || !causes.every((one) => one.because && told.has(nameOf(one.because)));
  });
  return own.length > 0 ? own : found;
}

function nameOf({ stage, step: { line, text, op } }: Because): string {
  return JSON.stringify([stage, line, text, op]);
}

function documentOf({ document }: Witness, { key }: LoggedStep): KeyDocument | undefined {
  return key === undefined ? undefined : document(key);
}

function isFiles(document: KeyDocument): document is FileKeyDocument {
  return "step" in document;
}

/** All that a stage is made of, with those below it. */
function contentsOf(image: LoggedImage, stage: LoggedStage): ContentIds {
  const { on, steps } = stage;
  // Always an earlier one, or it would be its own.
  const below = on === undefined || on >= image.stages.indexOf(stage) ? undefined : image.stages[on];
  return [
    ...(below === undefined ? [] : contentsOf(image, below)),
    ...steps.flatMap(({ contents }) => contents),
  ];
}

/** The steps that made these, each once, in the order of the build: those above may have them too, as a merge does. */
function makersOf(image: LoggedImage, contents: ContentIds): PlacedStep[] {
  const wanted = new Set(contents);
  return allSteps(image).filter(({ step }) => {
    const own = step.contents.filter((id) => wanted.has(id));
    for (const id of own) wanted.delete(id);
    return own.length > 0;
  });
}

/** @param isHidden another machine does not tell its words */
function placeOf({ stage, step }: PlacedStep, isHidden = false): Omit<Because, "differences"> {
  const { line, where, op } = step;
  const text = isHidden ? `${op.toUpperCase()} …` : step.text;
  return { stage: stage.name, step: { line, text, op, ...(where !== undefined && { where }) } };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
