/** What the process tells its caller: 1 the build failed, 2 usage or configuration, 3 the environment lacks something. */
export type ExitCode = 1 | 2 | 3;

/**
 * A failure someone can act on: `code` is stable (UPPER_SNAKE), the message names what failed and the value,
 * `hint` is the way out. Codes of the distribution-spec are used where the meaning is the same.
 */
export class CambiumError extends Error {
  override readonly name = "CambiumError";
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(
    code: string,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; exitCode?: ExitCode } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** A mistake in what the user wrote (flags, files, settings): exit code 2. */
export function usageError(code: string, message: string, hint?: string, cause?: unknown): CambiumError {
  return new CambiumError(code, message, { hint, cause, exitCode: 2 });
}

/** Something that the machine lacks (a tool, a mirror, disk, rights): exit code 3. */
export function environmentError(
  code: string,
  message: string,
  hint?: string,
  cause?: unknown,
): CambiumError {
  return new CambiumError(code, message, { hint, cause, exitCode: 3 });
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
