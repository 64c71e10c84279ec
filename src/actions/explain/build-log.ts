import { randomBytes } from "node:crypto";
import { messageOf } from "../../errors.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import type { BuildResult } from "../results.ts";
import type { BuildSettings } from "../settings.ts";

const KIND = "build-log";
/** Documents of keys, by their digest. */
export const DOCUMENT_KIND = "step-key";
/** A build that is older is not looked at any more. */
const KEPT_BUILDS = 100;

/**
 * Runs a build and keeps how it went, also when it fails or is interrupted; then tells which miss cost most. A log that
 * cannot be written is a warning.
 * @param source what is built, as a line to print
 */
export async function withBuildLog(
  settings: BuildSettings,
  source: string,
  bench: Workbench,
  work: () => Promise<BuildResult>,
): Promise<BuildResult> {
  const startedMs = Date.now();
  const log = async (outcome: LoggedBuild["outcome"], digest?: string): Promise<void> => {
    try {
      const logged = await loggedBuild(settings, source, startedMs, outcome, digest, bench);
      keepLog(logged, bench);
      if (outcome === "built") await tellMiss(logged, bench);
    } catch (error) {
      const message = `how the build went is not kept: ${messageOf(error)}`;
      bench.emit({ type: "warning", code: "BUILD_UNLOGGED", message });
    }
  };
  let result: BuildResult;
  try {
    result = await work();
  } catch (error) {
    await log(bench.signal.aborted ? "stopped" : "failed");
    throw error;
  }
  await log("built", result.digest);
  return result;
}

/** Oldest first. */
export function loggedBuilds({ records }: Store): LoggedBuild[] {
  return records.list(KIND).map(({ value }) => value as LoggedBuild);
}

async function loggedBuild(
  settings: BuildSettings,
  source: string,
  startedMs: number,
  outcome: LoggedBuild["outcome"],
  digest: string | undefined,
  { trace }: Workbench,
): Promise<LoggedBuild> {
  const { contextDir, noCache, dockerfile } = settings;
  const { target } = dockerfile;
  const { mountProject } = await import("../stages/mount-project.ts");
  return {
    version: 1,
    id: idAt(startedMs),
    project: mountProject(settings),
    folder: contextDir,
    source,
    ...(target !== undefined && { target }),
    ...(noCache !== false && { noCache }),
    startedMs,
    tookMs: Date.now() - startedMs,
    outcome,
    ...(digest !== undefined && { digest }),
    images: trace?.images() ?? [],
  };
}

/** `20261122T041433.123-1f3a`: the time in UTC, and what keeps two builds of one millisecond apart. */
function idAt(ms: number): string {
  const time = new Date(ms).toISOString().replace(/[-:Z]/g, "");
  return `${time}-${randomBytes(2).toString("hex")}`;
}

function keepLog(build: LoggedBuild, { store, trace }: Workbench): void {
  const { records } = store;
  records.transaction(() => {
    for (const [key, document] of trace?.documents() ?? []) {
      if (!records.has(DOCUMENT_KIND, key)) records.put(DOCUMENT_KIND, key, document());
    }
    records.put(KIND, build.id, build);
    records.keepLast(KIND, KEPT_BUILDS);
  });
}

/** Loaded only where there was one. */
async function tellMiss(build: LoggedBuild, bench: Workbench): Promise<void> {
  const steps = build.images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  if (steps.every(({ outcome }) => outcome === "hit")) return;
  const { mostExpensiveMiss } = await import("./explain.ts");
  const miss = mostExpensiveMiss(build, bench.store);
  if (miss !== undefined) bench.emit({ type: "miss", ...miss });
}
