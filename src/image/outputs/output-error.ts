import { CambiumError, environmentError, messageOf } from "../../errors.ts";

/** What a failed file operation of an output means; a CambiumError passes unchanged. */
export function outputError(thrown: unknown, path: string): Error {
  if (thrown instanceof CambiumError) return thrown;
  const code = errnoOf(thrown);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return environmentError(
      "DISK_FULL",
      `no space left for the output ${path}`,
      "Free space, or write to another disk.",
      thrown,
    );
  }
  if (code === undefined) return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
  return environmentError(
    "OUTPUT_UNWRITABLE",
    `cannot write the output ${path}: ${messageOf(thrown)}`,
    "Choose a dest in a folder that exists and that you can write.",
    thrown,
  );
}

/** The errno name of what a `node:fs` call threw, such as `ENOENT`. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("syscall" in thrown) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
