import type { ContentIds } from "../graph/step-key.ts";
import type { Listing } from "./compare-listings.ts";
import type { KeyDocument } from "./documents.ts";
import type { LoggedBuild } from "./logged-build.ts";

/** A build, and what is still known of what it was made of. */
export type Witness = {
  readonly build: LoggedBuild;
  /** By its digest. */
  readonly document: (key: string) => KeyDocument | undefined;
  /** What a part of a file tree has, by what `contents` of steps calls it. */
  readonly listing: (content: string) => Listing | undefined;
  /** What a bind mount was made of, by what its key says it showed. */
  readonly bound: (content: string) => Bound | undefined;
  /** Values of its documents are hashes with this salt; absent: they are as they were. */
  readonly salt?: string;
};

export type Bound = { readonly source: string; readonly contents: ContentIds };
