import { type CambiumError, usageError } from "../../../errors.ts";
import { parseProjectName } from "../name.ts";

/** The options with the names of extras and groups in their normal form (PEP 685, PEP 735). */
export function normalizedNames<T extends { extras: readonly string[]; groups: readonly string[] }>(
  options: T,
): T {
  return {
    ...options,
    extras: options.extras.map((extra) => parseProjectName(extra, "extras")),
    groups: options.groups.map((group) => parseProjectName(group, "groups")),
  };
}

/** The error `LOCK_SELECTION`: an extra or group that the lock does not know, and those that it does. */
export function unknownSelection(
  where: string,
  kind: "extra" | "group",
  name: string,
  known: readonly string[],
): CambiumError {
  const list = known.length === 0 ? "none" : [...known].sort().join(", ");
  return usageError("LOCK_SELECTION", `${where}: no ${kind} ${JSON.stringify(name)}; it has: ${list}`);
}
