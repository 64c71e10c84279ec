import { isAbsolute, posix, resolve } from "node:path";
import type { VolumeSettings } from "../actions/settings.ts";
import { usageError } from "../errors.ts";
import { formatPlatform, type Platform, parsePlatform } from "../platform.ts";

/** `linux/amd64,linux/arm64`, perhaps in several flags: each platform once, in the order given. */
export function parsePlatforms(texts: readonly string[]): Platform[] {
  const platforms = new Map<string, Platform>();
  for (const text of texts.flatMap((list) => list.split(","))) {
    const platform = parsePlatform(text.trim(), "--platform");
    platforms.set(formatPlatform(platform), platform);
  }
  return [...platforms.values()];
}

/** @throws CambiumError `PYTHON_VERSION_SYNTAX`. */
export function parsePythonVersion(text: string): string {
  if (/^3\.\d{1,2}$/.test(text)) return text;
  throw usageError(
    "PYTHON_VERSION_SYNTAX",
    `--python: not a Python version: ${JSON.stringify(text)}`,
    "Write major.minor, as in 3.11.",
  );
}

/** An `http:` or `https:` URL. It may hold a password, so the message does not repeat it. */
export function parseUrl(text: string, flag: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "https:" || url.protocol === "http:")) return text;
  const shown = text.includes("@") ? "(not shown, since it may hold a password)" : JSON.stringify(text);
  throw usageError("URL_SYNTAX", `${flag}: not a URL: ${shown}`, "Write http://… or https://….");
}

/** `NAME=VALUE`, or `NAME` for the value it has here, as docker's `-e` does; a name that is not set here gives none. */
export function parseEnvOverride(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly (readonly [string, string])[] {
  const at = text.indexOf("=");
  const name = at === -1 ? text : text.slice(0, at);
  if (!/^[^=\0\s]+$/.test(name)) {
    throw usageError("ENV_SYNTAX", `--env: not a name: ${JSON.stringify(name)}`, "Write NAME=VALUE or NAME.");
  }
  const value = at === -1 ? env[name] : text.slice(at + 1);
  return value === undefined ? [] : [[name, value]];
}

/** `SOURCE:TARGET[:ro|rw]`; the source counts from `cwd`. */
export function parseVolume(text: string, cwd: string): VolumeSettings {
  const [source, target, mode = "rw", ...more] = text.split(":");
  const isRight =
    source && target && isAbsolute(target) && (mode === "ro" || mode === "rw") && more.length === 0;
  if (!isRight) {
    throw usageError(
      "VOLUME_SYNTAX",
      `--volume: not SOURCE:TARGET[:ro]: ${JSON.stringify(text)}`,
      "TARGET is an absolute path inside, as in ./data:/data:ro.",
    );
  }
  return { source: resolve(cwd, source), target: posix.resolve(target), isReadOnly: mode === "ro" };
}

/** A whole number from `min` up. */
export function parseCount(text: string, flag: string, min: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min) return value;
  throw usageError("NUMBER_SYNTAX", `${flag}: not a whole number from ${min}: ${JSON.stringify(text)}`);
}

/** `0700`: permission bits, with setuid, setgid and sticky. */
export function parseMode(text: string, flag: string): number {
  if (/^[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8);
  throw usageError(
    "MODE_SYNTAX",
    `${flag}: not an octal mode: ${JSON.stringify(text)}`,
    "Write it like 0755.",
  );
}

/** An image to build on: a path in `oci-layout://…` counts from `cwd`. */
export function parseBase(text: string, cwd: string): string {
  const scheme = "oci-layout://";
  return text.startsWith(scheme) ? `${scheme}${resolve(cwd, text.slice(scheme.length))}` : text;
}

const sizeUnits: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** `500MB`, `20GB`, `1.5G`: bytes. Powers of 1000, as we print them. */
export function parseSize(text: string, flag: string): number {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)\s*([kmgt]?)b?$/i.exec(text);
  if (match !== null) return Math.round(Number(match[1]) * sizeUnits[match[2]!.toLowerCase()]!);
  throw usageError("SIZE_SYNTAX", `${flag}: not a size: ${JSON.stringify(text)}`, "Write 500MB or 20GB.");
}

const timeUnits: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `30m`, `12h`, `7d`, `2w`: milliseconds. */
export function parseAge(text: string, flag: string): number {
  const match = /^(\d{1,4})([mhdw])$/.exec(text);
  if (match !== null) return Number(match[1]) * timeUnits[match[2]!]!;
  throw usageError(
    "AGE_SYNTAX",
    `${flag}: not a length of time: ${JSON.stringify(text)}`,
    "Write 12h, 7d or 2w.",
  );
}
