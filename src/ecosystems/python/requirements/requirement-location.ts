import { existsSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CambiumError, usageError } from "../../../errors.ts";
import type { Digest } from "../../../layer/digest.ts";
import { stripCredentials, type UrlCredentials } from "../index/credentials.ts";
import { parseProjectName } from "../name.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import { takeCredentials, type WantedProject, type WantedRequirement, wantedRequirement } from "./wanted.ts";

/** What reading one requirement needs to know of its place. */
export type RequirementPlace = {
  /** File and line, or field. */
  readonly where: string;
  /** Absolute; relative paths begin at the first of these that has them. */
  readonly directories: readonly string[];
  readonly credentials: UrlCredentials[];
};

const SDIST = /\.(tar\.gz|tgz|tar\.bz2|tbz|tar\.xz|txz|tar|zip)$/i;

/**
 * Reads what pip takes for a requirement: a specifier, `name @ URL`, or the bare URL or path of a wheel or folder.
 * @throws CambiumError `REQUIREMENT_VCS`, `REQUIREMENT_SDIST`, `REQUIREMENT_DIRECTORY`, `REQUIREMENT_FILE_MISSING` for
 * what cannot be installed without building; and as `parseRequirement`.
 */
export function readRequirement(
  text: string,
  place: RequirementPlace,
  hashes: readonly Digest[] = [],
): WantedRequirement | WantedProject {
  const named = /^([a-z0-9][\w.-]*\s*(?:\[[^\]]*\])?)\s*@\s*([^\s].*)$/is.exec(text);
  if (named !== null) {
    const { location, tail } = splitLocation(named[2]!);
    const url = checkedLocation(location, place);
    if (url.endsWith("/")) throw directoryError(location, place);
    return wantedRequirement(`${named[1]} @ ${url}${tail}`, place.where, place.credentials, hashes);
  }
  if (!isLocation(text, place)) return wantedRequirement(text, place.where, place.credentials, hashes);
  const { location, tail } = splitLocation(text);
  const { path, extras } = splitExtras(location);
  const url = checkedLocation(path, place);
  if (url.endsWith("/")) {
    if (tail !== "") throw directoryError(path, place);
    const names = extras.split(",").filter((extra) => extra.trim() !== "");
    return {
      path: resolve(fileURLToPath(url)),
      extras: names.map((extra) => parseProjectName(extra.trim(), place.where)),
      where: place.where,
    };
  }
  const { name } = parseWheelFilename(filenameOf(url));
  const bracketed = extras === "" ? "" : `[${extras}]`;
  return wantedRequirement(`${name}${bracketed} @ ${url}${tail}`, place.where, place.credentials, hashes);
}

export function isProject(wanted: WantedRequirement | WantedProject): wanted is WantedProject {
  return !("requirement" in wanted);
}

/** A URL or path, as against a project's name: pip's rule, less the guessing about files without a separator. */
function isLocation(text: string, { directories }: RequirementPlace): boolean {
  const first = text
    .replace(/\s*;.*$/s, "")
    .replace(/\[[^\]]*\]$/, "")
    .trim();
  if (/^[a-z][a-z0-9+.-]*:/i.test(first) || /^\.{0,2}[/\\]/.test(first) || first === "." || first === "..")
    return true;
  if (/[<>=!~]/.test(first)) return false;
  if (/\.whl$/i.test(first) || SDIST.test(first)) return true;
  return /[/\\]/.test(first) && directories.some((directory) => existsSync(resolve(directory, first)));
}

/** The location, and what follows it: a marker needs a blank before its semicolon. */
function splitLocation(text: string): { location: string; tail: string } {
  const match = /^(\S+?)(\s+;.*|;\s.*)?$/s.exec(text);
  if (match === null) return { location: text, tail: "" };
  return {
    location: match[1]!,
    tail: match[2] === undefined ? "" : ` ; ${match[2].replace(/^\s*;\s*/, "")}`,
  };
}

function splitExtras(location: string): { path: string; extras: string } {
  const match = /^(.*?)\[([^\]]*)\]$/s.exec(location);
  return match === null ? { path: location, extras: "" } : { path: match[1]!, extras: match[2]! };
}

/** An absolute URL of a wheel, or a `file:` URL with a final slash of a folder. */
function checkedLocation(location: string, place: RequirementPlace): string {
  const { where, credentials } = place;
  const shown = stripCredentials(location);
  if (/^(git|hg|svn|bzr)(\+|:)/i.test(location) || /^[\w.-]+@[\w.-]+:/.test(location)) {
    throw usageError(
      "REQUIREMENT_VCS",
      `${where}: a source repository cannot be installed without building it: ${shown}`,
      "Require a released version, or build a wheel (pip wheel) and require that file or a folder with it (find-links).",
    );
  }
  if (/^https?:\/\//i.test(location)) {
    assertWheel(filenameOf(location), shown, where);
    return takeCredentials(location, credentials);
  }
  const path = localPath(location, place);
  if (statSync(path).isDirectory()) return `${pathToFileURL(path).href.replace(/\/$/, "")}/`;
  assertWheel(filenameOf(pathToFileURL(path).href), shown, where);
  const fragment = /^file:/i.test(location) ? (/#.*$/s.exec(location)?.[0] ?? "") : "";
  return `${pathToFileURL(path).href}${fragment}`;
}

function localPath(location: string, { where, directories }: RequirementPlace): string {
  const candidates: string[] = [];
  if (/^file:\/\//i.test(location)) candidates.push(fileUrlPath(location, where));
  else if (/^[a-z][a-z0-9+.-]+:/i.test(location) && !/^file:/i.test(location)) {
    throw usageError(
      "REQUIREMENT_SYNTAX",
      `${where}: not a URL that can be fetched: ${stripCredentials(location)}`,
    );
  } else {
    const path = location.replace(/^file:/i, "");
    candidates.push(
      ...(isAbsolute(path) ? [path] : directories.map((directory) => resolve(directory, path))),
    );
  }
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw usageError(
    "REQUIREMENT_FILE_MISSING",
    `${where}: no such file or folder: ${location}`,
    `Looked for ${[...new Set(candidates)].join(" and ")}.`,
  );
}

function fileUrlPath(location: string, where: string): string {
  try {
    const url = new URL(location);
    url.hash = "";
    return fileURLToPath(url);
  } catch (cause) {
    throw usageError(
      "REQUIREMENT_SYNTAX",
      `${where}: not a file URL of this machine: ${location}`,
      undefined,
      cause,
    );
  }
}

function assertWheel(filename: string, shown: string, where: string): void {
  if (/\.whl$/i.test(filename)) return;
  if (SDIST.test(filename)) {
    throw usageError(
      "REQUIREMENT_SDIST",
      `${where}: a source distribution cannot be installed without building it: ${shown}`,
      "Require a version that has a wheel, or build one (pip wheel) and require that file.",
    );
  }
  throw new CambiumError("REQUIREMENT_SYNTAX", `${where}: not the location of a wheel: ${shown}`, {
    hint: "A wheel's name ends in .whl.",
    exitCode: 2,
  });
}

function directoryError(location: string, { where }: RequirementPlace): CambiumError {
  return usageError(
    "REQUIREMENT_DIRECTORY",
    `${where}: a project folder cannot be installed without building it: ${location}`,
    "Build a wheel from it (pip wheel) and require that file, or a folder with it (find-links).",
  );
}

export function filenameOf(url: string): string {
  const last =
    url
      .replace(/[?#].*$/s, "")
      .split("/")
      .at(-1) ?? "";
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
