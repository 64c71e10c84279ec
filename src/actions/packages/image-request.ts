import type { Digest } from "../../layer/digest.ts";
import type { Segment } from "../../layer/segment.ts";
import type { SnapshotRequest } from "../../solve/snapshot.ts";
import type { RecordedBuild } from "../records/recorded-build.ts";
import type { ChosenPackages } from "./choose-packages.ts";

/** One image for one platform, before it is known whether anything has to be done for it. */
export type ImageRequest = Omit<SnapshotRequest, keyof ChosenPackages> & {
  /** Definition key: a known one is answered without looking at any package. */
  readonly key: Digest;
  readonly files: readonly Segment[];
  /** RFC 3339. */
  readonly created: string;
  /** What an earlier build left elsewhere. */
  readonly recorded?: RecordedBuild;
  /** A known image counts only if each of its layers is to be had. */
  readonly isWhole?: boolean;
  /** A layer that was described before needs no bytes, even if nobody has it. */
  readonly acceptsListed?: boolean;
  /** Settles the Python part and opens the base; asked only when the key is not known. */
  readonly choose: () => Promise<ChosenPackages>;
};
