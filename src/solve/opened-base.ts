import type { Base } from "../ecosystems/read-base.ts";
import type { ImageUnderneath } from "../image/image.ts";
import type { ImageTree } from "../image/image-tree.ts";
import type { BaseSettings } from "../image/inherit.ts";
import type { Digest } from "../layer/digest.ts";

/** An image of a registry as something to build on. Its layers' bytes are fetched only when they are read. */
export type BaseImage = {
  readonly reference: string;
  /** Of the manifest. */
  readonly digest: Digest;
  readonly underneath: ImageUnderneath;
  readonly settings: BaseSettings;
  readonly tree: ImageTree;
  readonly facts: Base;
};
