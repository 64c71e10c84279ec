import { z } from "zod";
import { type Digest, parseDigest } from "../layer/digest.ts";

/** What the steps of a build take from elsewhere, as a lock pins it. URLs are without credentials. */
export type LockedSources = {
  readonly images: readonly LockedImage[];
  readonly files: readonly LockedFile[];
  readonly repositories: readonly LockedRepository[];
};

/** `digest` is of the manifest for this platform. */
export type LockedImage = { readonly reference: string; readonly platform: string; readonly digest: Digest };

/** A file of the web, by the name that `sourceName` gives its URL. */
export type LockedFile = { readonly url: string; readonly digest: Digest };

export type LockedRepository = {
  readonly url: string;
  /** As asked for; absent: the default branch. */
  readonly ref?: string;
  readonly commit: string;
  /** In full, as `refs/heads/main`; absent for the default branch. */
  readonly refName?: string;
};

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "not a sha256 (64 hex digits)");
const text = z.string().min(1);

/** `[sources]` of cambium.lock. */
export const lockedSourcesSchema = z.strictObject({
  images: z.array(
    z.strictObject({
      reference: text,
      platform: z.string().regex(/^linux\/(amd64|arm64)$/, "not a platform (linux/amd64, linux/arm64)"),
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "not a digest (sha256: and 64 hex digits)"),
    }),
  ),
  files: z.array(z.strictObject({ url: text, sha256 })),
  repositories: z.array(
    z.strictObject({
      url: text,
      ref: text.optional(),
      commit: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "not a commit (40 or 64 hex digits)"),
      name: z
        .string()
        .regex(/^refs\/[^\s]+$/, "not the full name of a branch or tag")
        .optional(),
    }),
  ),
});

export function readLockedSources(part: z.output<typeof lockedSourcesSchema>, where: string): LockedSources {
  return {
    images: part.images.map(({ digest, ...image }) => ({ ...image, digest: parseDigest(digest, where) })),
    files: part.files.map(({ url, sha256: hex }) => ({ url, digest: parseDigest(`sha256:${hex}`, where) })),
    repositories: part.repositories.map(({ url, ref, commit, name }) => ({
      url,
      commit,
      ...(ref !== undefined && { ref }),
      ...(name !== undefined && { refName: name }),
    })),
  };
}

/** Sorted, a source a line. @param toml a value on one line */
export function lockedSourcesLines(sources: LockedSources, toml: (value: unknown) => string): string[] {
  const list = (key: string, items: readonly object[]): string[] => {
    const lines = [...new Set(items.map(toml))].sort();
    return lines.length === 0 ? [`${key} = []`] : [`${key} = [`, ...lines.map((line) => `  ${line},`), "]"];
  };
  return [
    "",
    "[sources]",
    ...list(
      "images",
      sources.images.map(({ reference, platform, digest }) => ({ reference, platform, digest })),
    ),
    ...list(
      "files",
      sources.files.map(({ url, digest }) => ({ url, sha256: digest.slice("sha256:".length) })),
    ),
    ...list(
      "repositories",
      sources.repositories.map(({ url, ref, commit, refName }) => ({ url, ref, commit, name: refName })),
    ),
  ];
}
