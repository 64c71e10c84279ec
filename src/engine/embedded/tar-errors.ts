import { environmentError } from "../../errors.ts";

/** The error for what tar wrote to stderr: a full disk is one of its own. */
export function diskFullOr(text: string, other: (detail: string) => Error): Error {
  const lines = text.trim().split("\n");
  const detail = lines.slice(0, 3).join("; ");
  if (!/No space left on device|Disk quota exceeded/.test(text)) return other(detail);
  return environmentError(
    "DISK_FULL",
    `no space left in the store: ${detail}`,
    "Free space, set CAMBIUM_ROOT to a folder on a larger disk, or run: cambium cache prune",
  );
}
