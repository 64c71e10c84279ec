import { usageError } from "../../errors.ts";
import type { NormalizedName } from "./lock.ts";

/**
 * A project name in its one normal form: lower case, each run of `-`, `_` and `.` a single `-`.
 * `where` says who wrote it (file and line, flag, archive).
 * @throws CambiumError `PROJECT_NAME` for what is no name (packaging.python.org, name normalization: ASCII letters,
 * digits, `.`, `_`, `-`, first and last a letter or digit).
 */
export function parseProjectName(text: string, where: string): NormalizedName {
  if (/^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i.test(text)) {
    return text.toLowerCase().replace(/[-_.]+/g, "-") as NormalizedName;
  }
  throw usageError(
    "PROJECT_NAME",
    `${where}: not a project name: ${JSON.stringify(text)}`,
    "A name has ASCII letters, digits, '.', '_' and '-', and begins and ends with a letter or digit.",
  );
}
