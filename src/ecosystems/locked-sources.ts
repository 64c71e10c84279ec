import { z } from "zod";
import { type Digest, parseDigest } from "../layer/digest.ts";

/** What files from elsewhere were when the lock was made, where the project does not say it itself. */
export type LockedSources = {
  readonly http: readonly { readonly url: string; readonly digest: Digest }[];
  /** Without `ref` the default branch. `refName` in full, as `refs/heads/main`. */
  readonly git: readonly {
    readonly url: string;
    readonly ref?: string;
    readonly commit: string;
    readonly refName?: string;
  }[];
  /** `targets`: of the manifest, by architecture. */
  readonly images: readonly {
    readonly reference: string;
    readonly targets: Readonly<Record<string, Digest>>;
  }[];
};

export const NO_SOURCES: LockedSources = { http: [], git: [], images: [] };

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "not a digest (sha256: and 64 hex digits)");

/** `[[http]]`, `[[git]]` and `[[images]]` of cambium.lock. */
export const lockedSourcesShape = {
  http: z.array(z.strictObject({ url: z.string().min(1), digest })).optional(),
  git: z
    .array(
      z.strictObject({
        url: z.string().min(1),
        ref: z.string().min(1).optional(),
        commit: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "not a commit id"),
        name: z
          .string()
          .regex(/^refs\/\S+$/, "not the full name of a branch or tag")
          .optional(),
      }),
    )
    .optional(),
  images: z
    .array(
      z.strictObject({
        reference: z.string().min(1),
        targets: z.partialRecord(z.enum(["amd64", "arm64"]), digest),
      }),
    )
    .optional(),
};
const lockedSourcesSchema = z.object(lockedSourcesShape);

/** Undefined where a lock has none. */
export function readLockedSources(
  { http = [], git = [], images = [] }: z.output<typeof lockedSourcesSchema>,
  where: string,
): LockedSources | undefined {
  if (http.length + git.length + images.length === 0) return undefined;
  return {
    http: http.map((one) => ({ url: one.url, digest: parseDigest(one.digest, `${where}: http`) })),
    git: git.map(({ url, ref, commit, name }) => ({
      url,
      ...(ref !== undefined && { ref }),
      commit,
      ...(name !== undefined && { refName: name }),
    })),
    images: images.map(({ reference, targets }) => ({
      reference,
      targets: Object.fromEntries(
        Object.entries(targets).map(([target, text]) => [target, parseDigest(text, `${where}: images`)]),
      ),
    })),
  };
}

/** Lines of cambium.lock, sorted. @param toml writes a value */
export function lockedSourcesLines(
  { http, git, images }: LockedSources,
  toml: (value: unknown) => string,
): string[] {
  const byText = <T>(all: readonly T[], textOf: (one: T) => string) =>
    [...all].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  return [
    ...byText(http, ({ url }) => url).flatMap((one) => [
      ...["", "[[http]]", `url = ${toml(one.url)}`, `digest = ${toml(one.digest)}`],
    ]),
    ...byText(git, ({ url, ref = "" }) => `${url} ${ref}`).flatMap(({ url, ref, commit, refName }) => [
      ...["", "[[git]]", `url = ${toml(url)}`],
      ...(ref === undefined ? [] : [`ref = ${toml(ref)}`]),
      `commit = ${toml(commit)}`,
      ...(refName === undefined ? [] : [`name = ${toml(refName)}`]),
    ]),
    ...byText(images, ({ reference }) => reference).flatMap(({ reference, targets }) => {
      const sorted = Object.fromEntries(Object.entries(targets).sort(([a], [b]) => (a < b ? -1 : 1)));
      return ["", "[[images]]", `reference = ${toml(reference)}`, `targets = ${toml(sorted)}`];
    }),
  ];
}
