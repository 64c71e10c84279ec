import type { SourceEntry } from "../../layer/files.ts";
import { mergedPath } from "./paths.ts";

const FOLDER = "var/lib/dpkg/status.d";

/**
 * What vulnerability scanners read of a package where dpkg itself does not run: its control file, with the status that
 * dpkg would add, and the checksums of those of its files that are in the image.
 * @param isPresent whether a (merged) path is in the image
 */
export function statusEntries(
  name: string,
  control: string,
  md5sums: string | undefined,
  isPresent: (path: string) => boolean,
): SourceEntry[] {
  const entries = [file(`${FOLDER}/${name}`, installedStanza(control))];
  if (md5sums !== undefined) {
    const lines: string[] = [];
    for (const line of md5sums.split("\n")) {
      const match = /^([0-9a-f]{32}) [ *](.+)$/.exec(line);
      const [, sum, path] = match ?? [];
      if (sum === undefined || path === undefined) continue;
      const merged = mergedPath(path, false);
      if (isPresent(merged)) lines.push(`${sum}  ${merged}\n`);
    }
    entries.push(file(`${FOLDER}/${name}.md5sums`, lines.join("")));
  }
  return entries;
}

/** A control file as dpkg has it in its status database, once its package is installed. */
export function installedStanza(control: string): string {
  return `${control.trimEnd()}\n`.replace(/^(Package:.*\n)/m, "$1Status: install ok installed\n");
}

function file(path: string, text: string): SourceEntry {
  return { type: "file", path, mode: 0o644, uid: 0, gid: 0, content: Buffer.from(text) };
}
