import { z } from "zod";
import type { Digest } from "../layer/digest.ts";
import { parseDigest } from "../layer/digest.ts";

/** An image of a registry as a lock pins it. */
export type LockedBase = {
  /** As the project asks for it, in full. */
  readonly reference: string;
  /** What the reference pointed to then: an index, or one image's manifest. */
  readonly digest: Digest;
  /** By architecture. */
  readonly targets: Readonly<Record<string, LockedBaseTarget>>;
};

/** One image, and what of it decides which packages fit. */
export type LockedBaseTarget = {
  /** Of the manifest. */
  readonly digest: Digest;
  /** The interpreter for the environment; absent in an image without Python. */
  readonly python?: {
    /** As in `3.12.4`. */
    readonly version: string;
    /** Absolute. */
    readonly path: string;
  };
  /** As in `2.36`; absent where the C library is another one. */
  readonly glibc?: string;
  /** Debian's release, which further packages come from. */
  readonly suite?: "bookworm" | "trixie";
};

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "not a digest (sha256: and 64 hex digits)");

/** `[base]` of cambium.lock. */
export const lockedBaseSchema = z.strictObject({
  reference: z.string().min(1),
  digest,
  targets: z.partialRecord(
    z.enum(["amd64", "arm64"]),
    z.strictObject({
      digest,
      python: z
        .string()
        .regex(/^3\.\d+\.\d+$/, "not a version of Python 3")
        .optional(),
      interpreter: z
        .string()
        .regex(/^\/[\w./+-]+$/, "not an absolute path")
        .optional(),
      glibc: z
        .string()
        .regex(/^2\.\d{1,3}$/, "not a version of glibc")
        .optional(),
      suite: z.enum(["bookworm", "trixie"]).optional(),
    }),
  ),
});

export function readLockedBase(part: z.output<typeof lockedBaseSchema>, where: string): LockedBase {
  const targets: Record<string, LockedBaseTarget> = {};
  for (const [architecture, target] of Object.entries(part.targets)) {
    const { python, interpreter, glibc, suite } = target;
    targets[architecture] = {
      digest: parseDigest(target.digest, where),
      ...(python !== undefined &&
        interpreter !== undefined && { python: { version: python, path: interpreter } }),
      ...(glibc !== undefined && { glibc }),
      ...(suite !== undefined && { suite }),
    };
  }
  return { reference: part.reference, digest: parseDigest(part.digest, where), targets };
}

/** Lines of `[base]`; `toml` writes one value, `above` stands before the names of tables. */
export function lockedBaseLines(base: LockedBase, toml: (value: unknown) => string, above: string): string[] {
  const lines = [
    "",
    `[${above}base]`,
    `reference = ${toml(base.reference)}`,
    `digest = ${toml(base.digest)}`,
  ];
  for (const architecture of Object.keys(base.targets).sort()) {
    const { digest, python, glibc, suite } = base.targets[architecture]!;
    const members = { digest, python: python?.version, interpreter: python?.path, glibc, suite };
    lines.push("", `[${above}base.targets.${architecture}]`);
    for (const [key, value] of Object.entries(members))
      if (value !== undefined) lines.push(`${key} = ${toml(value)}`);
  }
  return lines;
}
