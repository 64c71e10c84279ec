import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environmentError, usageError } from "../../errors.ts";
import { fieldOf, parseStanzas } from "./control.ts";
import type { Archive, LockedDeb } from "./lock.ts";

/** Roots that an archive may be had from, in the order to try them, without a trailing slash. */
export type Mirrors = Readonly<Record<Archive, readonly string[]>>;

/** `setting` is what the user named (`--debian-mirror`); `aptFolder` is the host's apt configuration. */
export type MirrorSettings = { readonly setting?: string | undefined; readonly aptFolder?: string };

/** One repository that apt knows. */
type AptSource = { readonly uri: string; readonly suite: string };

/** What Debian's suites are called in sources; other distributions and vendors use other names. */
const DEBIAN_SUITE =
  /^(oldoldstable|oldstable|stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky)([-/].*)?$/;

/**
 * Where to look for Debian: the user's mirror, else what the host's apt uses. Nothing is asked of any server here: what
 * a mirror serves is judged by its signed index.
 * @throws CambiumError `MIRROR_SYNTAX` for a setting that is no URL, `MIRROR_UNKNOWN` when there is no candidate.
 */
export function resolveMirrors(settings: MirrorSettings): Mirrors {
  if (settings.setting !== undefined && settings.setting.trim() !== "")
    return mirrorsOfSetting(settings.setting);
  const sources = readAptSources(settings.aptFolder ?? "/etc/apt");
  const mirrors = mirrorsOfSources(sources);
  if (mirrors.debian.length === 0)
    throw mirrorUnknown("apt's sources on this machine name no mirror of Debian");
  return mirrors;
}

/** The error for a build that found no usable mirror. */
export function mirrorUnknown(reason: string): Error {
  return environmentError(
    "MIRROR_UNKNOWN",
    `no mirror of Debian to fetch packages from: ${reason}`,
    "Name one: --debian-mirror URL (its root, which has dists/ and pool/ below it).",
  );
}

/** URLs that a locked package may be had from, in order. */
export function debUrls(deb: LockedDeb, mirrors: Mirrors): string[] {
  return mirrors[deb.archive].map((root) => `${root}/${deb.path.split("/").map(encodePart).join("/")}`);
}

/** `+` and `~` stand in pool paths as they are; servers differ in decoding `%2B`. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replaceAll("%2B", "+");
}

/** One URL, or two (archive, then security) with a comma or space between. */
function mirrorsOfSetting(setting: string): Mirrors {
  const [main, security, ...rest] = setting
    .trim()
    .split(/[\s,]+/)
    .map(rootOf);
  if (main === undefined || rest.length > 0) {
    throw usageError("MIRROR_SYNTAX", "the Debian mirror must be one URL, or two: archive, security");
  }
  return {
    debian: unique([main, `${main}/debian`]),
    "debian-security": security === undefined ? securityRootsBeside(main) : [security],
  };
}

/** Mirrors keep the security archive beside the main one, under this name. */
function securityRootsBeside(root: string): string[] {
  const url = new URL(root);
  const sibling = url.pathname.replace(/\/[^/]*$/, "");
  return unique([
    withPath(url, `${sibling}/debian-security`),
    withPath(url, `${url.pathname}/debian-security`),
  ]);
}

function mirrorsOfSources(sources: readonly AptSource[]): Mirrors {
  const debian: string[] = [];
  const security: string[] = [];
  for (const { uri, suite } of sources) {
    if (!DEBIAN_SUITE.test(suite) || !/^https?:\/\//.test(uri)) continue;
    // `bullseye/updates` was the name of a security suite; `bookworm-updates` is not one.
    const isSecurity = suite.endsWith("-security") || suite.includes("/updates");
    (isSecurity ? security : debian).push(rootOf(uri));
  }
  const beside = unique(debian).flatMap(securityRootsBeside);
  return { debian: unique(debian), "debian-security": unique([...security, ...beside]) };
}

/** Reads `sources.list` and `sources.list.d` (sources.list(5)); what is not there or not readable is skipped. */
function readAptSources(folder: string): AptSource[] {
  const sources = oneLineSources(readText(join(folder, "sources.list")));
  const parts = join(folder, "sources.list.d");
  for (const name of listNames(parts)) {
    const text = readText(join(parts, name));
    if (name.endsWith(".list")) sources.push(...oneLineSources(text));
    else if (name.endsWith(".sources")) sources.push(...deb822Sources(text, name));
  }
  return sources;
}

/** `deb [arch=amd64 signed-by=…] URI suite component…` */
export function oneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line);
    const [, uri, suite] = match ?? [];
    if (uri !== undefined && suite !== undefined) sources.push({ uri, suite });
  }
  return sources;
}

/** Paragraphs with `Types`, `URIs`, `Suites`; a file that does not parse is somebody else's, and skipped. */
export function deb822Sources(text: string, where: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const stanza of parseStanzasOrNone(text, where)) {
    const words = (field: string): string[] =>
      (fieldOf(stanza, field) ?? "").split(/\s+/).filter((word) => word !== "");
    if (!words("Types").includes("deb") || /^(no|false|0)$/i.test(fieldOf(stanza, "Enabled") ?? "yes"))
      continue;
    for (const uri of words("URIs")) for (const suite of words("Suites")) sources.push({ uri, suite });
  }
  return sources;
}

function parseStanzasOrNone(text: string, where: string): ReturnType<typeof parseStanzas> {
  try {
    return parseStanzas(text, where);
  } catch {
    return [];
  }
}

function rootOf(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw usageError("MIRROR_SYNTAX", "the Debian mirror is not a URL", "Write it with https:// or http://.");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw usageError("MIRROR_SYNTAX", `the Debian mirror must be http or https, not ${url.protocol}`);
  }
  return withPath(url, url.pathname);
}

function withPath(url: URL, path: string): string {
  const copy = new URL(url);
  copy.pathname = path;
  copy.search = "";
  copy.hash = "";
  return copy.href.replace(/\/+$/, "");
}

function unique(roots: readonly string[]): string[] {
  return [...new Set(roots)];
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
