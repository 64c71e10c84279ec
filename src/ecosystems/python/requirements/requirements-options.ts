import { usageError } from "../../../errors.ts";
import { shellWords } from "./requirements-lines.ts";

/** One option of a requirements file by its long name, with its value if it takes one. */
export type RequirementsOption = { readonly name: string; readonly value: string };

const SHORT: Readonly<Record<string, string>> = {
  "-i": "--index-url",
  "-f": "--find-links",
  "-r": "--requirement",
  "-c": "--constraint",
  "-e": "--editable",
  "-C": "--config-settings",
};

const ALIASES: Readonly<Record<string, string>> = {
  "--pypi-url": "--index-url",
  "--requirements": "--requirement",
  "--constraints": "--constraint",
  "--config-setting": "--config-settings",
};

const TAKES_VALUE = new Set([
  "--index-url",
  "--extra-index-url",
  "--find-links",
  "--requirement",
  "--constraint",
  "--editable",
  "--no-binary",
  "--only-binary",
  "--trusted-host",
  "--use-feature",
  "--all-releases",
  "--only-final",
  "--hash",
  "--config-settings",
  "--global-option",
  "--install-option",
  "--build-option",
]);

const SWITCHES = new Set([
  "--no-index",
  "--pre",
  "--prefer-binary",
  "--require-hashes",
  "--no-require-hashes",
]);

/** The part before the first option, and the options, with long names. Markers keep their quotes. */
export function splitOptions(
  text: string,
  where: string,
): { readonly specifier: string; readonly options: readonly RequirementsOption[] } {
  const start = /(?:^|\s)-/.exec(text)?.index ?? text.length;
  const words = shellWords(text.slice(start), where);
  const options: RequirementsOption[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const { name, value } = splitWord(words[index]!);
    if (SWITCHES.has(name) && value === undefined) {
      options.push({ name, value: "" });
    } else if (TAKES_VALUE.has(name)) {
      const taken = value ?? words[++index];
      if (taken === undefined || taken === "") {
        throw usageError("REQUIREMENTS_SYNTAX", `${where}: ${name} needs a value`, `Write ${name} VALUE.`);
      }
      options.push({ name, value: taken });
    } else {
      throw usageError(
        "REQUIREMENTS_SYNTAX",
        `${where}: not an option of a requirements file: ${JSON.stringify(name)}`,
        "Requirements files take the options that pip documents for them, one option per line.",
      );
    }
  }
  return { specifier: text.slice(0, start).trim(), options };
}

/** `--name=value`, `--name`, `-x` or `-xvalue`. */
function splitWord(word: string): { name: string; value?: string } {
  if (!word.startsWith("--")) {
    const name = SHORT[word.slice(0, 2)] ?? word.slice(0, 2);
    return word.length > 2 ? { name, value: word.slice(2).replace(/^=/, "") } : { name };
  }
  const equals = word.indexOf("=");
  const written = equals < 0 ? word : word.slice(0, equals);
  const name = ALIASES[written] ?? written;
  return equals < 0 ? { name } : { name, value: word.slice(equals + 1) };
}
