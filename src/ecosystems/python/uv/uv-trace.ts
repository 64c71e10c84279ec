/** A version that uv would have taken, had it had a file that the target can use. */
export type SkippedVersion = { readonly name: string; readonly version: string };

const FOUND = /^TRACE Found candidate for package (\S+) with range (.*) after \d+ steps: (\S+) version$/;
const RETURNING =
  /^TRACE Returning incompatible candidate for package (\S+) with range (.*) after \d+ steps$/;

/**
 * Reads the log of uv's candidate selection. Lines of several threads are mixed, but each names distribution and range.
 * Another uv may write another log: then nothing is found, and only a notice is lost.
 */
export function readSkipped(log: string): SkippedVersion[] {
  const found = new Map<string, string>();
  const skipped = new Map<string, SkippedVersion>();
  for (const line of log.split("\n")) {
    if (!line.startsWith("TRACE ")) continue;
    const candidate = FOUND.exec(line);
    if (candidate !== null) found.set(`${candidate[1]} ${candidate[2]}`, candidate[3]!);
    const returned = candidate === null ? RETURNING.exec(line) : null;
    const version = returned === null ? undefined : found.get(`${returned[1]} ${returned[2]}`);
    if (version !== undefined) skipped.set(`${returned![1]} ${version}`, { name: returned![1]!, version });
  }
  return [...skipped.values()];
}
