import type { Witness } from "../../explain/evidence.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import { type PortableBuild, portableBuild, portableWitness } from "../../explain/portable-build.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import { storeWitness } from "./store-witness.ts";
import { tracedBuild } from "./traced-build.ts";

const KIND = "build-elsewhere";
/** They are whole, with their documents; a machine meets a new one at most once a build. */
const KEPT_BUILDS = 20;

/** What is told of a large project has less than 1 MB. */
const MAX_CHARACTERS = 8 << 20;

type Kept = {
  /** Of ours, whose build it was told to. */
  readonly project: string;
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
  const isWhole = build?.images.some(({ stages }) => stages.length === 0) === true;
  // Known as a whole by a record: what that told.
  if (isWhole) return keptIn(store).find((kept) => kept.build.salt === salt)?.build;
  if (build === undefined) return undefined;
  return portableBuild(storeWitness({ ...build, outcome: "built" }, store, trace?.documents()), salt);
}

/**
 * Keeps what another machine told, for builds of the project that is being built.
 * @param where the record that said it, as people name it
 */
export function keepBuildOfElsewhere(
  build: PortableBuild,
  where: string,
  { store: { records }, trace }: Pick<Workbench, "store" | "trace">,
): void {
  const project = trace?.about?.().project;
  if (project === undefined || JSON.stringify(build).length > MAX_CHARACTERS) return;
  const isKept = keptIn({ records }).some((kept) => {
    return kept.project === project && kept.where === where && kept.build.build.id === build.build.id;
  });
  if (isKept) return;
  const toldMs = Date.now();
  const kept: Kept = { project, where, build, toldMs };
  // So that those that were told last are those that stay.
  records.put(KIND, `${new Date(toldMs).toISOString()} ${build.build.id}`, kept);
  records.keepLast(KIND, KEPT_BUILDS);
}

/** Of the same project as this build, and told before it was over. */
export function buildsOfElsewhere(
  { project, startedMs, tookMs }: LoggedBuild,
  { records }: Pick<Store, "records">,
): Witness[] {
  return keptIn({ records }).flatMap(({ where, build, toldMs, project: of }) => {
    return of === project && toldMs <= startedMs + tookMs ? [portableWitness(build, where, toldMs)] : [];
  });
}

function keptIn({ records }: Pick<Store, "records">): Kept[] {
  return records.list(KIND).map(({ value }) => value as Kept);
}
