import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type FileView, resolveInside, textInside } from "./inside.ts";
import type { EngineMount } from "./step-mounts.ts";

/** A file that a step sees at `path`, absolute, and no layer has. */
export type LentFile = { readonly path: string; readonly text: string };

/**
 * Sources for the apt of an image, by the codename of its release and, if it has one, the keyring of its distribution.
 * Asked only when an image has apt and no sources.
 */
export type AptSources = (codename: string, keyring: string | undefined) => readonly LentFile[];

const LIST = "/etc/apt/sources.list";
const FOLDER = "/etc/apt/sources.list.d";
const KEYRINGS = ["pgp", "gpg"].map((suffix) => `/usr/share/keyrings/debian-archive-keyring.${suffix}`);

/**
 * What is lent to a step whose image is a Debian with apt and without any sources. Mounts, since a step has no reason to
 * replace files that it does not know of.
 * @param folders of the image's layers, bottom up
 */
export function lendSources(
  view: FileView,
  folders: readonly string[],
  sources: AptSources,
): Extract<EngineMount, { type: "file" }>[] {
  const isThere = (path: string) => resolveInside(view, path) !== undefined;
  if (!isThere("/usr/bin/apt-get") || hasSources(view, folders)) return [];
  const release = textInside(view, "/etc/os-release");
  const field = (name: string) => new RegExp(`^${name}="?([a-z]+)"?$`, "m").exec(release)?.[1];
  const codename = field("VERSION_CODENAME");
  if (field("ID") !== "debian" || codename === undefined) return [];
  return sources(codename, KEYRINGS.find(isThere)).map(({ path, text }) => ({
    ...{ type: "file", target: path, content: Buffer.from(text) },
    ...{ mode: 0o644, uid: 0, gid: 0 },
  }));
}

/** apt reads these names alone (sources.list(5)), which no whiteout has; an empty list is none. */
function hasSources(view: FileView, folders: readonly string[]): boolean {
  if (/^\s*deb\b/m.test(textInside(view, LIST))) return true;
  const folder = resolveInside(view, FOLDER);
  if (folder === undefined) return false;
  const names = new Set(folders.flatMap((root) => namesIn(join(root, folder))));
  return [...names].some(
    (name) => /^[^.].*\.(list|sources)$/.test(name) && view(`${folder}/${name}`) !== undefined,
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
