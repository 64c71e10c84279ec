import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import type { LockedDeb } from "../ecosystems/debian/lock.ts";
import type { ChosenWheel } from "../ecosystems/python/lock.ts";
import type { Interpreter } from "../ecosystems/python/target.ts";
import type { Definition } from "../graph/definition.ts";
import type { Digest } from "../layer/digest.ts";
import type { Segment } from "../layer/segment.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import type { TargetPython } from "./bytecode/target-python.ts";
import {
  debianSegments,
  type GeneratedSegments,
  type GenerateRequest,
  generatedSegments,
  noteScripts,
  wantedDeb,
} from "./debian-segments.ts";
import type { BaseImage } from "./opened-base.ts";
import { type Complete, type Locate, makeSegments, type WantedSegment } from "./segments.ts";
import { segmentsOnImage } from "./segments-on-image.ts";
import { venvFor, wantedWheel, wheelSegments } from "./wheel-segments.ts";
import { step, type Workbench } from "./workbench.ts";

/** The packages of one image as segments, by what stands below what. */
export type PackageSnapshot = {
  readonly debian: readonly Segment[];
  /** Accounts, caches and links that no package ships. */
  readonly generated: readonly Segment[];
  /** Of what they are generated from. */
  readonly generatedKey?: Digest;
  readonly venv: readonly Segment[];
  readonly wheels: readonly Segment[];
  /** Of Python's own modules and of theirs; empty unless asked for. */
  readonly bytecode: readonly Segment[];
  /** Something that was asked for could not be made on this machine: not what the definition says. */
  readonly isPartial: boolean;
  /** Of any of these. */
  readonly complete: Complete;
};

export type SnapshotRequest = {
  readonly definition: Definition;
  readonly lock: Pick<CambiumLock, "base" | "debian">;
  readonly platform: Platform;
  /** What the lock's Python part comes to for this platform. */
  readonly wheels: readonly ChosenWheel[];
  /** Absent without Python. */
  readonly interpreter?: Interpreter;
  /** Absent on the computed Debian. */
  readonly base?: BaseImage;
  readonly locateDebs: Locate;
  readonly locateWheels: (wheels: readonly ChosenWheel[]) => Locate;
};

/**
 * Every package of the image, Debian's and Python's at once: as the store knows it, or made now. Bytes that a record
 * spared are brought by `complete`.
 */
export async function packageSnapshot(request: SnapshotRequest, bench: Workbench): Promise<PackageSnapshot> {
  const where = formatPlatform(request.platform);
  const debs = request.lock.debian?.targets[request.platform.architecture] ?? [];
  const { definition, wheels, locateDebs } = request;
  const locateWheels = request.locateWheels(wheels);
  const completeWheels = completion(wheels.map(wantedWheel), bench, locateWheels);
  const wantedDebs = debs.map((deb) => wantedDeb(deb, definition.base.keep));
  const completeDebs = completion(wantedDebs, bench, locateDebs);
  const [base, python] = await Promise.all([
    debianPart({ ...request, complete: completeDebs }, debs, bench),
    definition.python === undefined
      ? { venv: [], wheels: [] }
      : step(bench, `python ${where}`, async () => {
          const before = countMade();
          const venv = request.interpreter === undefined ? [] : [venvFor(request.interpreter, bench)];
          const made = await wheelSegments(wheels, bench, before.count(locateWheels));
          return { value: { venv, wheels: made }, ...before.outcome(wheels.length, "distributions") };
        }),
  ]);
  const bytecode = await bytecodePart({ ...request, completeWheels }, python.wheels, base.debian, bench);
  const complete: Complete = async (ids) => {
    await Promise.all([completeDebs(ids), completeWheels(ids)]);
    await bytecode.complete(ids);
    if (!base.generated.some(({ id }) => ids.has(id))) return;
    const generating = { ...request, debs, debian: base.debian, complete: completeDebs, isWhole: true };
    await generatedPart(generating, bench);
  };
  const { segments, isPartial } = bytecode;
  return { ...base, ...python, bytecode: segments, isPartial, complete };
}

type BytecodePart = {
  readonly segments: readonly Segment[];
  readonly isPartial: boolean;
  readonly complete: Complete;
};

/** After the wheels, and after Debian's packages, among which its interpreter is. */
async function bytecodePart(
  request: SnapshotRequest & { readonly completeWheels: Complete },
  segments: readonly Segment[],
  debian: readonly Segment[],
  bench: Workbench,
): Promise<BytecodePart> {
  const { definition, interpreter, platform, wheels, completeWheels } = request;
  if (definition.python?.bytecode !== true || interpreter === undefined) {
    return { segments: [], isPartial: false, complete: async () => undefined };
  }
  const [{ bytecodeSegments, completeBytecode }, { targetLibrary }] = await Promise.all([
    import("./bytecode/bytecode-segments.ts"),
    import("./bytecode/target-library.ts"),
  ]);
  let opened: Promise<TargetPython> | undefined;
  const open = async () => {
    const { targetPython } = await import("./bytecode/target-python.ts");
    return targetPython({ ...request, interpreter }, bench);
  };
  const { version } = interpreter;
  const python = () => {
    opened ??= open();
    return opened;
  };
  const library = targetLibrary(interpreter, debian, request.base);
  const asked = { wheels, segments, library, version, completeWheels, python };
  return step(bench, `bytecode ${formatPlatform(platform)}`, async () => {
    const made = await bytecodeSegments(asked, bench);
    const { absence } = made;
    if (absence !== undefined) {
      bench.emit({ type: "notice", message: `bytecode is left out: ${absence}` });
    }
    const value: BytecodePart = {
      segments: made.segments,
      isPartial: absence !== undefined,
      complete: completeBytecode(asked, bench),
    };
    const count = `${made.segments.length} segments`;
    return made.madeCount === 0
      ? { value, outcome: "hit", detail: absence === undefined ? `${count}, all known` : "left out" }
      : { value, outcome: "done", detail: `${count}, ${made.madeCount} new` };
  });
}

function completion(wanted: readonly WantedSegment[], bench: Workbench, locate: Locate): Complete {
  return async (ids) => {
    await makeSegments(
      wanted.filter(({ id }) => ids.has(id)),
      bench,
      locate,
    );
  };
}

type DebianPart = Pick<PackageSnapshot, "debian" | "generated" | "generatedKey">;

/** The computed Debian, or the packages and accounts that are added to an image of a registry. */
async function debianPart(
  { definition, platform, base, locateDebs, complete }: SnapshotRequest & { readonly complete: Complete },
  debs: readonly LockedDeb[],
  bench: Workbench,
): Promise<DebianPart> {
  const isUntouched = base !== undefined && debs.length === 0 && definition.users.length === 0;
  if (isUntouched) return { debian: [], generated: [] };
  const name = definition.base.kind === "debian" ? definition.base.suite : "packages";
  return step(bench, `debian ${name} ${formatPlatform(platform)}`, async () => {
    const before = countMade();
    const debian = await debianSegments(debs, definition.base.keep, bench, before.count(locateDebs));
    if (definition.base.packages.length > 0) await noteScripts(debs, bench);
    const request = { definition, debs, debian, platform, complete, locateDebs, isWhole: false };
    const generated = await generatedPart({ ...request, ...(base && { base }) }, bench);
    const value = {
      debian,
      generated: generated?.segments ?? [],
      ...(generated !== undefined && { generatedKey: generated.key }),
    };
    return { value, ...before.outcome(debs.length, "packages") };
  });
}

function generatedPart(
  request: GenerateRequest & { readonly base?: BaseImage },
  bench: Workbench,
): Promise<GeneratedSegments | undefined> {
  const { base } = request;
  return base === undefined
    ? generatedSegments(request, bench)
    : segmentsOnImage({ ...request, base }, bench);
}

/** Counts what had to be made, which is what `locate` is asked about. */
function countMade() {
  let made = 0;
  return {
    count:
      (locate: Locate): Locate =>
      (missing, all) => {
        made = all;
        return locate(missing, all);
      },
    outcome: (total: number, what: string) => ({
      outcome: made === 0 ? ("hit" as const) : ("done" as const),
      detail: made === 0 ? `${total} ${what}, all known` : `${total} ${what}, ${made} new`,
    }),
  };
}
