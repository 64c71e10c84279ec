import type { SourceEntry } from "../../../layer/files.ts";
import type { Segment, SegmentFile } from "../../../layer/segment.ts";
import { fieldOf, parseStanzas } from "../control.ts";
import type { Architecture } from "../lock.ts";
import { mergeStatus } from "../merge-status.ts";
import { file } from "./entries.ts";

const STATUS = "var/lib/dpkg/status";
const INFO = "var/lib/dpkg/info";

/**
 * dpkg's own database of an image with further packages: the merged status and, per package, the list of its files and
 * their checksums. Nothing where the image has no dpkg: there the files of `status.d`, which the packages bring, are
 * what scanners read.
 * @param before the image's status database; undefined: none
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`; `where` names the image
 */
export function mergedStatus(
  input: {
    readonly before: string | undefined;
    readonly packages: readonly { readonly name: string; readonly segment: Segment }[];
    readonly architecture: Architecture;
    /** The image has `info/format`, so that dpkg looks for the architecture in names of its info files. */
    readonly hasFormat: boolean;
    readonly where: string;
  },
  readFile: (file: SegmentFile) => Uint8Array,
): SourceEntry[] {
  const { before, packages, architecture, hasFormat, where } = input;
  if (before === undefined || packages.length === 0) return [];
  const paragraphs: string[] = [];
  const entries: SourceEntry[] = [];
  for (const { name, segment } of packages) {
    const text = (path: string) => {
      const found = segment.entries.find((entry) => entry.path === path);
      return found?.type === "file" ? Buffer.from(readFile(found)).toString("utf8") : undefined;
    };
    const paragraph = text(`${STATUS}.d/${name}`);
    if (paragraph === undefined) continue;
    paragraphs.push(paragraph);
    const base = `${INFO}/${hasFormat ? infoName(name, paragraph, architecture) : name}`;
    entries.push(file(`${base}.list`, listOf(segment)));
    const sums = text(`${STATUS}.d/${name}.md5sums`);
    if (sums !== undefined) entries.push(file(`${base}.md5sums`, sums));
  }
  return [file(STATUS, mergeStatus(before, paragraphs, architecture, where)), ...entries];
}

/** Packages that may stand in several architectures side by side have theirs in the name (dpkg's info database). */
function infoName(name: string, paragraph: string, architecture: Architecture): string {
  const [stanza] = parseStanzas(paragraph, name);
  const isSame = stanza !== undefined && fieldOf(stanza, "Multi-Arch") === "same";
  return isSame ? `${name}:${architecture}` : name;
}

/** Each path with its parents, absolute, as dpkg writes it. */
function listOf({ entries }: Segment): string {
  const paths = new Set<string>(["/."]);
  for (const { path } of entries) {
    if (path.startsWith(`${STATUS}.d/`)) continue;
    const parts = path.split("/");
    for (let depth = 1; depth <= parts.length; depth++) paths.add(`/${parts.slice(0, depth).join("/")}`);
  }
  return [...paths].map((path) => `${path}\n`).join("");
}
