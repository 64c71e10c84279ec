import { usageError } from "../../errors.ts";

/**
 * An argv as it is, or words split at spaces. Text that only a shell would understand is refused: whether an image
 * even has a shell depends on its base.
 * @throws CambiumError `SPEC_INVALID`.
 */
export function splitCommand(command: string | readonly string[], where: string): readonly string[] {
  if (typeof command !== "string") return command;
  const special = /["'\\$`&|;<>()*?[\]{}~#\n]/.exec(command)?.[0];
  if (special !== undefined) {
    throw usageError(
      "SPEC_INVALID",
      `${where}: ${JSON.stringify(command)} has ${JSON.stringify(special)}, which only a shell understands`,
      'Write a list, as in ["python", "app.py"], or ["sh", "-c", "..."] where a shell is meant.',
    );
  }
  const words = command.split(" ").filter((word) => word !== "");
  if (words.length === 0) throw usageError("SPEC_INVALID", `${where}: is empty`);
  return words;
}
