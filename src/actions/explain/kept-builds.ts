import type { LoggedBuild } from "../../explain/logged-build.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";

const KIND = "build-log";
/** Documents of keys, by their digest. */
export const DOCUMENT_KIND = "step-key";
/** A build that is older is not looked at any more. */
const KEPT_BUILDS = 100;

/** Oldest first. */
export function loggedBuilds({ records }: Store): LoggedBuild[] {
  const all = records.list(KIND).map(({ value }) => value as LoggedBuild);
  return all.filter(({ version }) => version === 1);
}

/** Of steps that have none in the store yet, such as those that failed. */
function keepDocuments({ store: { records }, trace }: Pick<Workbench, "store" | "trace">): void {
  for (const [key, document] of trace?.documents() ?? []) {
    if (!records.has(DOCUMENT_KIND, key)) records.put(DOCUMENT_KIND, key, document());
  }
}

/** Besides the last hundred. */
export function keepBuild(build: LoggedBuild, bench: Workbench): void {
  const { records } = bench.store;
  records.transaction(() => {
    keepDocuments(bench);
    records.put(KIND, build.id, build);
    records.keepLast(KIND, KEPT_BUILDS);
  });
}
