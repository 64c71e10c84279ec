import { bytecodeRecipe, hasModules } from "../../ecosystems/python/bytecode/bytecode.ts";
import type { PythonProgram } from "../../ecosystems/python/bytecode/compile.ts";
import {
  type LibraryModules,
  libraryDocument,
  libraryName,
  libraryRecipe,
} from "../../ecosystems/python/bytecode/library.ts";
import type { ChosenWheel } from "../../ecosystems/python/lock.ts";
import { CambiumError } from "../../errors.ts";
import type { Segment, SegmentId } from "../../layer/segment.ts";
import { segmentId } from "../../layer/segment-id.ts";
import { type Complete, makeSegments, type WantedSegment } from "../segments.ts";
import { wantedWheel } from "../wheel-segments.ts";
import type { Workbench } from "../workbench.ts";
import type { TargetPython } from "./target-python.ts";
import { unpackedModule } from "./unpacked-module.ts";

export type BytecodeRequest = {
  readonly wheels: readonly ChosenWheel[];
  /** Their segments, in the same order. */
  readonly segments: readonly Segment[];
  readonly library: LibraryModules;
  /** Of the interpreter, `3.11.2`. */
  readonly version: string;
  /** Of the wheels. */
  readonly completeWheels: Complete;
  /** Asked for only when something has to be compiled. */
  readonly python: () => Promise<TargetPython>;
};

export type BytecodeSegments = {
  /** The standard library's, then sorted as the wheels. */
  readonly segments: readonly Segment[];
  readonly madeCount: number;
  /** Why some have none, though they have modules. */
  readonly absence?: string;
};

/** The bytecode of the standard library and of each wheel with modules: as the store knows it, or compiled now. */
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
  const { segments, absent } = await compiled(request, wanted, missing, bench);
  for (const segment of segments) found.set(segment.id, segment);
  return {
    segments: wanted.flatMap(({ id }) => found.get(id) ?? []),
    madeCount: segments.length,
    ...(absent && { absence: absent.absence }),
  };
}

/** Gives bytecode its bytes where only its listing is known. @throws CambiumError `PYTHON_UNUSABLE`. */
export function completeBytecode(request: BytecodeRequest, bench: Workbench): Complete {
  return async (ids) => {
    const { absent } = await compiled(request, wantedBytecode(request), ids, bench);
    if (absent !== undefined) throw absent.error;
  };
}

type Wanted = Omit<WantedSegment, "job"> & {
  /** Of a wheel its segment, else the standard library's modules. */
  readonly of: { readonly wheel: SegmentId } | { readonly modules: LibraryModules };
};

/** The standard library's, and one for each wheel with modules. */
export function wantedBytecode({
  wheels,
  segments,
  library,
  version,
}: Pick<BytecodeRequest, "wheels" | "segments" | "library" | "version">): Wanted[] {
  const ofWheels = wheels.flatMap((wheel, i): Wanted[] => {
    const segment = segments[i]!;
    if (!hasModules(segment)) return [];
    const { archive, name } = wantedWheel(wheel);
    const id = segmentId(bytecodeRecipe(wheel.wheel.sha256, version));
    return [{ id, name: `bytecode of ${name}`, archive, of: { wheel: segment.id } }];
  });
  if (library.length === 0) return ofWheels;
  const recipe = libraryRecipe(library, version);
  const name = libraryName(version);
  const archive = { urls: [], digest: recipe.source, name };
  return [{ id: segmentId(recipe), name, archive, of: { modules: library } }, ...ofWheels];
}

type Compiled = { readonly segments: readonly Segment[]; readonly absent?: Absent };
type Absent = Extract<TargetPython, { readonly absence: string }>;

async function compiled(
  { version, completeWheels, python }: BytecodeRequest,
  all: readonly Wanted[],
  ids: ReadonlySet<SegmentId>,
  bench: Workbench,
): Promise<Compiled> {
  const wanted = all.filter(({ id }) => ids.has(id));
  if (wanted.length === 0) return { segments: [] };
  const target = await python();
  if ("absence" in target) return { segments: [], absent: target };
  const { program } = target;
  const wheels = wanted.flatMap(({ of }) => ("wheel" in of ? [of.wheel] : []));
  await completeWheels(new Set(wheels));
  let absent: Absent | undefined;
  const jobs = wanted.flatMap(({ of, ...want }): WantedSegment[] => {
    if ("wheel" in of) return [{ ...want, job: { kind: "bytecode", wheel: of.wheel, version, program } }];
    absent = differs(program, of.modules);
    if (absent !== undefined) return [];
    const modules = bench.store.blobs.put(Buffer.from(libraryDocument(of.modules)));
    return [{ ...want, job: { kind: "library-bytecode", modules, version, program } }];
  });
  const segments = await makeSegments(jobs, bench, async () => new Map());
  return { segments, ...(absent && { absent }) };
}

/** Another library than the image's is as good as none. */
function differs(program: PythonProgram, modules: LibraryModules): Absent | undefined {
  try {
    for (const module of modules) unpackedModule(program, module);
    return undefined;
  } catch (error) {
    if (!(error instanceof CambiumError)) throw error;
    return { absence: error.message, error };
  }
}
