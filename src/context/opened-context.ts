import type { ContentSource } from "./content-source.ts";
import type { ContextTree } from "./walk.ts";

/** A folder that copies take files from, as it was when it was walked. */
export type OpenContext = {
  readonly tree: ContextTree;
  readonly source: ContentSource;
  /** As `contextStamp`, of paths as a COPY names them. */
  readonly stamp: (paths: readonly string[]) => string | undefined;
  /** Keeps the digests that were computed, for the next build: call it when all copies are made. */
  readonly save: () => void;
};
