import { familiarReference, type Reference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";

/** What a project was built to, the last first: for `cambium cache prune --keep-last`. Times are milliseconds since the epoch. */
type LastBuild = { readonly digest: Digest; readonly timeMs: number };

const KIND = "last-builds";
/** More than anybody asks for. */
const MOST = 100;

/**
 * Whose build it is: the image's name without its tag, which is the same in every checkout, else the file or folder.
 */
export function projectOf(tags: readonly Reference[], path: string): string {
  const [tag] = tags;
  if (tag === undefined) return path;
  const { registry, repository } = tag;
  return familiarReference({ registry, repository });
}

/** Keeps what a build came to. One that comes to the same as the last writes nothing. */
export function noteBuild({ records }: Store, project: string, digest: Digest): void {
  const before = (records.get(KIND, project) ?? []) as readonly LastBuild[];
  if (before[0]?.digest === digest) return;
  const others = before.filter((one) => one.digest !== digest).slice(0, MOST - 1);
  records.put(KIND, project, [{ digest, timeMs: Date.now() }, ...others] satisfies LastBuild[]);
}

/** What the last builds of each project came to. */
export function lastDigests({ records }: Store, count: number): Digest[] {
  if (count === 0) return [];
  return records
    .list(KIND)
    .flatMap(({ value }) => (value as readonly LastBuild[]).slice(0, count).map(({ digest }) => digest));
}
