import type { CopySourceOp, CopyStep } from "../graph/stages.ts";
import { epochDifference, layoutDifference } from "./compare-run.ts";
import { type Difference, type DifferenceField, shortened } from "./difference.ts";
import type { FileKeyDocument } from "./documents.ts";
import { leafDifferences, shownValue } from "./leaf-differences.ts";
import type { Lens } from "./lens.ts";

/** What people call the fields of a COPY or WORKDIR; all others are options. */
const FIELDS: Readonly<Record<string, DifferenceField>> = {
  sources: "source",
  destination: "destination",
  path: "working directory",
  user: "user",
  owner: "owner",
  chmod: "chmod",
  exclude: "exclude",
};

/** What a build calls its stages, by their place. */
export type StageNames = (stage: number) => string | undefined;

/** What differs between two COPYs, ADDs or WORKDIRs besides the files that they take and what is below them. */
export function compareFileSteps(
  before: FileKeyDocument,
  now: FileKeyDocument,
  lens: Lens,
  names: { readonly before: StageNames; readonly now: StageNames },
): Difference[] {
  const leaves = leafDifferences(
    withoutPlaces(before.step, names.before),
    withoutPlaces(now.step, names.now),
    lens,
  );
  const fields = new Map<string, Difference>();
  for (const { path, before: a, now: b } of leaves) {
    const [name = ""] = path;
    const field = FIELDS[name] ?? "option";
    // Several words of a list are one difference.
    if (fields.has(name)) continue;
    const change = b === undefined ? "removed" : a === undefined ? "added" : "changed";
    const inside = path.filter((part) => !/^\d+$/.test(part)).at(-1);
    const what = field === "option" || field === "source" ? { name: inside ?? name } : {};
    fields.set(name, { field, ...what, change, ...shortened(shownValue(a, lens), shownValue(b)) });
  }
  const order = [...Object.keys(FIELDS), ...fields.keys()];
  const sorted = [...new Set(order)].flatMap((name) => fields.get(name) ?? []);
  return [
    ...sorted,
    ...layoutDifferences(before.layoutVersions, now.layoutVersions),
    ...epochDifference(before.mtimeSec, now.mtimeSec),
  ];
}

/** A stage is what it is called; one without a name is what it holds, wherever it stands. */
function withoutPlaces(step: FileKeyDocument["step"], names: StageNames): unknown {
  if (step.op !== "copy") return step;
  const sources = step.sources.map((source: CopySourceOp) => {
    if (source.kind !== "files" || source.from.kind !== "stage") return source;
    const name = names(source.from.stage);
    const isNumber = name === undefined || /^\d+$/.test(name);
    return { ...source, from: { kind: "stage", ...(!isNumber && { stage: name }) } };
  });
  return { ...step, sources };
}

/** Of paths that differ those that do not follow from what the step says differently. */
export function unexplainedPaths(
  fields: readonly Difference[],
  paths: readonly Difference[],
): readonly Difference[] {
  const follows: Partial<Record<DifferenceField, Difference["aspect"]>> = { chmod: "mode", owner: "owner" };
  const isElsewhere = fields.some(({ field }) => follows[field] === undefined);
  if (isElsewhere) return [];
  const aspects = new Set(fields.map(({ field }) => follows[field]));
  return paths.filter(({ aspect }) => !aspects.has(aspect));
}

export function layoutDifferences(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Difference[] {
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  return names
    .filter((name) => before[name] !== now[name])
    .map((name) => layoutDifference(name, before[name], now[name]));
}

/**
 * A path of the image as the one that was copied there, as people know it: `app/src/main.c` of `COPY src /app/src` is
 * `src/main.c`. As it is in the image where that cannot be told.
 */
export function copiedFrom({ sources, destination, keepsParents }: CopyStep, path: string): string {
  const paths = sources.flatMap((source) => (source.kind === "files" ? source.paths : []));
  const inImage = `/${path}`;
  if (paths.length === 0 || keepsParents || paths.some((one) => /[*?[\\]/.test(one))) return inImage;
  const folder = destination.replace(/\/+$/, "");
  const [only] = paths;
  if (inImage === folder && paths.length === 1) return plain(only!);
  if (!inImage.startsWith(`${folder}/`)) return inImage;
  const rest = inImage.slice(folder.length + 1);
  const named = paths.find((one) => plain(one).split("/").at(-1) === rest);
  if (named !== undefined) return plain(named);
  if (paths.length > 1) return inImage;
  const root = plain(only!);
  return root === "" ? rest : `${root}/${rest}`;
}

function plain(path: string): string {
  return path.replace(/^(?:\.?\/+)+|^\.$/, "").replace(/\/+$/, "");
}
