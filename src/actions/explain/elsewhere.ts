import type { Witness } from "../../explain/evidence.ts";
import { saltedText } from "../../explain/lens.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import { type PortableBuild, portableBuild, portableWitness } from "../../explain/portable-build.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import { tracedBuild } from "./build-log.ts";
import { storeWitness } from "./store-witness.ts";

const KIND = "build-elsewhere";
/** They are whole, with their documents; a machine meets a new one at most once a build. */
const KEPT_BUILDS = 20;

type Kept = {
  readonly where: string;
  readonly build: PortableBuild;
  /** Since the epoch. */
  readonly toldMs: number;
};

/**
 * What other machines may be told of the build that is being done; undefined where there is nothing to tell.
 * @param salt that nobody can know before: the digest of what is pushed
 */
export function buildToTell(
  { store, trace }: Pick<Workbench, "store" | "trace">,
  salt: string,
): PortableBuild | undefined {
  const build = tracedBuild(trace);
  if (build === undefined) return undefined;
  return portableBuild(storeWitness({ ...build, outcome: "built" }, store, trace?.documents()), salt);
}

/**
 * Keeps what another machine told, to compare with.
 * @param where the record that said it, as people name it
 */
export function keepBuildOfElsewhere(
  build: PortableBuild,
  where: string,
  { records }: Pick<Store, "records">,
): void {
  const isKept = records.list(KIND).some(({ value }) => {
    const kept = value as Kept;
    return kept.where === where && kept.build.build.id === build.build.id;
  });
  if (isKept) return;
  const toldMs = Date.now();
  const kept: Kept = { where, build, toldMs };
  // So that those that were told last are those that stay.
  records.put(KIND, `${new Date(toldMs).toISOString()} ${build.build.id}`, kept);
  records.keepLast(KIND, KEPT_BUILDS);
}

/** Of the same project as this build, and told before it was over. */
export function buildsOfElsewhere(
  { project, startedMs, tookMs }: LoggedBuild,
  { records }: Pick<Store, "records">,
): Witness[] {
  return records.list(KIND).flatMap(({ value }) => {
    const { where, build, toldMs } = value as Kept;
    const isSame = build.build.project === saltedText(build.salt, project);
    return isSame && toldMs <= startedMs + tookMs ? [portableWitness(build, where, toldMs)] : [];
  });
}
