import { CambiumError } from "../../../errors.ts";
import type { NormalizedName } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { formatVersion, tryVersion } from "./version.ts";

/**
 * What the name of a wheel file says (packaging.python.org, binary distribution format, "File name convention").
 * The three tag lists are the parts of the compressed tag set, in the order written; the wheel has every combination.
 */
export type WheelFilename = {
  readonly name: NormalizedName;
  /** PEP 440, normalised (`1.0-RC1` never stands here, `1.0rc1` does). */
  readonly version: string;
  /** Decides between wheels that are otherwise equal: first by number, then by the rest as text. */
  readonly build?: { readonly number: number; readonly rest: string };
  readonly pythonTags: readonly string[];
  readonly abiTags: readonly string[];
  readonly platformTags: readonly string[];
};

/** @throws CambiumError `WHEEL_FILENAME`, with the file name and the part that is wrong. */
export function parseWheelFilename(text: string): WheelFilename {
  const wrong = (what: string) =>
    new CambiumError("WHEEL_FILENAME", `not a wheel file name: ${JSON.stringify(text)}: ${what}`, {
      hint: "It reads name-version[-build]-python-abi-platform.whl; rename the file as its project publishes it.",
    });
  if (!text.endsWith(".whl")) throw wrong("it must end with .whl");
  const parts = text.slice(0, -4).split("-");
  if (parts.length !== 5 && parts.length !== 6) throw wrong(`${parts.length} parts instead of 5 or 6`);
  const [nameText, versionText] = parts as [string, string];
  // A doubled underscore could not come from escaping one separator, so two names would share one file name.
  if (!/^[a-z0-9](?:[a-z0-9._]*[a-z0-9])?$/i.test(nameText) || nameText.includes("__")) {
    throw wrong(`name ${JSON.stringify(nameText)}`);
  }
  const version = normalizedVersion(versionText);
  if (version === undefined) throw wrong(`version ${JSON.stringify(versionText)}`);
  const build = parts.length === 6 ? /^(\d{1,15})([\w.]*)$/.exec(parts[2]!) : undefined;
  if (build === null) throw wrong(`build tag ${JSON.stringify(parts[2])}`);
  const [pythonTags, abiTags, platformTags] = parts
    .slice(-3)
    .map((part) => part.toLowerCase().split(".")) as [string[], string[], string[]];
  for (const tag of [...pythonTags, ...abiTags, ...platformTags]) {
    if (!/^\w+$/.test(tag)) throw wrong(`tag ${JSON.stringify(tag)}`);
  }
  return {
    name: parseProjectName(nameText, text),
    version,
    ...(build === undefined ? {} : { build: { number: Number(build[1]), rest: build[2]! } }),
    pythonTags,
    abiTags,
    platformTags,
  };
}

/**
 * The normal form of PEP 440, or nothing for what is no version. In a wheel's file name `_` stands where a local version
 * may have `-`.
 */
export function normalizedVersion(text: string): string | undefined {
  const version = tryVersion(text.replaceAll("_", "-"));
  return version === undefined ? undefined : formatVersion(version);
}
