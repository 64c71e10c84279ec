/** A file or link below the root as it really is; directories show by what is in them. */
export type TreeEntry = { readonly path: string; readonly mode: number } & (
  | { readonly type: "symlink"; readonly target: string }
  /** `text` where the comparison looks into the content. */
  | { readonly type: "file"; readonly sha256: string; readonly text?: string }
);
