import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import { messageOf } from "../../errors.ts";
import type { BuildFacts, BuildTrace } from "../../explain/build-trace.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import type { FoundForm } from "../../frontend/project/detect.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import type { BuildResult } from "../results.ts";
import type { BuildSettings, StagesSettings } from "../settings.ts";
import { mountProject } from "../stages/mount-project.ts";

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
  let facts: BuildFacts | undefined;
  if (bench.trace !== undefined) {
    bench.trace.about = () => (facts ??= buildFacts(settings, source, startedMs));
  }
  const log = async (outcome: LoggedBuild["outcome"], digest?: string): Promise<void> => {
    try {
      const traced = tracedBuild(bench.trace);
      // It failed before anything was looked for: there is nothing to say of it.
      if (traced === undefined) return;
      const logged = { ...traced, outcome, ...(digest !== undefined && { digest }) };
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

/** `Dockerfile`, `cambium.yaml`, `project`. */
export function sourceName(found: FoundForm, file: string | undefined): string {
  return basename("file" in found ? found.file : (file ?? "project"));
}

/** Oldest first. */
export function loggedBuilds({ records }: Store): LoggedBuild[] {
  const all = records.list(KIND).map(({ value }) => value as LoggedBuild);
  return all.filter(({ version }) => version === 1);
}

/** What a build, or a plan of one, is logged by. */
export type LoggedSettings = Pick<StagesSettings, "contextDir" | "noCache" | "dockerfile" | "tags">;

/** @param startedMs since the epoch */
export function buildFacts(settings: LoggedSettings, source: string, startedMs: number): BuildFacts {
  const { contextDir, noCache, dockerfile, tags = [] } = settings;
  const { target } = dockerfile;
  return {
    id: idAt(startedMs),
    project: mountProject({ contextDir, dockerfile, tags }),
    folder: contextDir,
    source,
    ...(target !== undefined && { target }),
    ...(noCache !== false && { noCache }),
    startedMs,
  };
}

/** What the trace has so far, as a build that ended now; undefined where that is nothing. */
export function tracedBuild(trace: BuildTrace | undefined): LoggedBuild | undefined {
  const images = trace?.images() ?? [];
  if (trace?.about === undefined || images.length === 0) return undefined;
  const facts = trace.about();
  return { version: 1, ...facts, tookMs: Date.now() - facts.startedMs, outcome: "stopped", images };
}

/** `20261122T041433.123-1f3a`: the time in UTC, and what keeps two builds of one millisecond apart. */
function idAt(ms: number): string {
  const time = new Date(ms).toISOString().replace(/[-:Z]/g, "");
  return `${time}-${randomBytes(2).toString("hex")}`;
}

/** Of steps that have none in the store yet, such as those that failed. */
function keepDocuments({ store: { records }, trace }: Pick<Workbench, "store" | "trace">): void {
  for (const [key, document] of trace?.documents() ?? []) {
    if (!records.has(DOCUMENT_KIND, key)) records.put(DOCUMENT_KIND, key, document());
  }
}

function keepLog(build: LoggedBuild, bench: Workbench): void {
  const { records } = bench.store;
  records.transaction(() => {
    keepDocuments(bench);
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
