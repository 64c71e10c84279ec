import { CambiumError, type ExitCode, messageOf } from "../errors.ts";
import type { JobResult } from "./jobs.ts";

/** Structured clone would turn a CambiumError into a bare Error, so its fields travel as data. */
export type PackedError = {
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly hint?: string;
  readonly exitCode?: ExitCode;
  readonly cause?: PackedError;
};

/** `addedBytes`: what the job put into the store. */
export type WorkerAnswer = { readonly addedBytes: number } & (
  | { readonly result: JobResult }
  | { readonly error: PackedError }
);

export function packError(thrown: unknown): PackedError {
  const cause =
    thrown instanceof Error && thrown.cause !== undefined ? { cause: packError(thrown.cause) } : {};
  if (thrown instanceof CambiumError) {
    const { message, code, hint, exitCode } = thrown;
    return { message, code, exitCode, ...(hint !== undefined && { hint }), ...cause };
  }
  const stack = thrown instanceof Error && thrown.stack !== undefined ? { stack: thrown.stack } : {};
  return { message: messageOf(thrown), ...stack, ...cause };
}

export function unpackError(packed: PackedError): Error {
  const cause = packed.cause === undefined ? undefined : unpackError(packed.cause);
  if (packed.code !== undefined) {
    const { hint, exitCode } = packed;
    return new CambiumError(packed.code, packed.message, { hint, cause, ...(exitCode && { exitCode }) });
  }
  const error = new Error(packed.message, cause === undefined ? {} : { cause });
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}
