import { type CambiumError, usageError } from "../../errors.ts";

/** `field` is dotted, as in the file. */
export function notStatic(field: string, what: string): CambiumError {
  return usageError(
    "PROJECT_NOT_STATIC",
    `pyproject.toml: the project cannot be installed without running its build: ${field} ${what}`,
    "Make it static, or set package = false in [tool.cambium]: the files are copied to /app and not installed.",
  );
}
