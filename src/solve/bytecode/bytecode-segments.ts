import { bytecodeRecipe, hasModules } from "../../ecosystems/python/bytecode/bytecode.ts";
import type { ChosenWheel } from "../../ecosystems/python/lock.ts";
import type { Segment, SegmentId } from "../../layer/segment.ts";
import { segmentId } from "../../layer/segment-id.ts";
import { type Complete, makeSegments, type WantedSegment } from "../segments.ts";
import { wantedWheel } from "../wheel-segments.ts";
import type { Workbench } from "../workbench.ts";
import type { TargetPython } from "./target-python.ts";

export type BytecodeRequest = {
  readonly wheels: readonly ChosenWheel[];
  /** Their segments, in the same order. */
  readonly segments: readonly Segment[];
  /** Of the interpreter, `3.11.2`. */
  readonly version: string;
  /** Of the wheels. */
  readonly completeWheels: Complete;
  /** Asked for only when something has to be compiled. */
  readonly python: () => Promise<TargetPython>;
};

export type BytecodeSegments = {
  /** Sorted as the wheels. */
  readonly segments: readonly Segment[];
  readonly madeCount: number;
  /** Why some have none, though they have modules. */
  readonly absence?: string;
};

/** The bytecode of each wheel with modules: as the store knows it, or compiled now. */
export async function bytecodeSegments(
  request: BytecodeRequest,
  bench: Workbench,
): Promise<BytecodeSegments> {
  const wanted = wantedBytecode(request);
  const found = new Map<SegmentId, Segment>();
  for (const { id } of wanted) {
    const segment = bench.isForgetful ? undefined : bench.store.segments.get(id);
    if (segment !== undefined) found.set(id, segment);
  }
  const missing = new Set(wanted.filter(({ id }) => !found.has(id)).map(({ id }) => id));
  const made = await compiled(request, wanted, missing, bench);
  if ("absence" in made) return { segments: [...found.values()], madeCount: 0, absence: made.absence };
  for (const segment of made.segments) found.set(segment.id, segment);
  const segments = wanted.flatMap(({ id }) => found.get(id) ?? []);
  return { segments, madeCount: missing.size };
}

/** Gives bytecode its bytes where only its listing is known. @throws CambiumError `PYTHON_UNUSABLE`. */
export function completeBytecode(request: BytecodeRequest, bench: Workbench): Complete {
  return async (ids) => {
    const made = await compiled(request, wantedBytecode(request), ids, bench);
    if ("absence" in made) throw made.error;
  };
}

type Wanted = Omit<WantedSegment, "job"> & { readonly wheel: SegmentId };

/** One for each wheel with modules. */
export function wantedBytecode({
  wheels,
  segments,
  version,
}: Pick<BytecodeRequest, "wheels" | "segments" | "version">): Wanted[] {
  return wheels.flatMap((wheel, i) => {
    const segment = segments[i]!;
    if (!hasModules(segment)) return [];
    const { archive, name } = wantedWheel(wheel);
    const id = segmentId(bytecodeRecipe(wheel.wheel.sha256, version));
    return [{ id, name: `bytecode of ${name}`, archive, wheel: segment.id }];
  });
}

async function compiled(
  { version, completeWheels, python }: BytecodeRequest,
  all: readonly Wanted[],
  ids: ReadonlySet<SegmentId>,
  bench: Workbench,
): Promise<{ readonly segments: readonly Segment[] } | Extract<TargetPython, { readonly absence: string }>> {
  const wanted = all.filter(({ id }) => ids.has(id));
  if (wanted.length === 0) return { segments: [] };
  const target = await python();
  if ("absence" in target) return target;
  const { program } = target;
  await completeWheels(new Set(wanted.map(({ wheel }) => wheel)));
  const jobs = wanted.map(({ wheel, ...want }) => {
    return { ...want, job: { kind: "bytecode", wheel, version, program } as const };
  });
  return { segments: await makeSegments(jobs, bench, async () => new Map()) };
}
