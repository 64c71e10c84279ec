import { messageOf } from "../../errors.ts";
import type { BuildFacts } from "../../explain/build-trace.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { BuildResult } from "../results.ts";
import type { BuildSettings } from "../settings.ts";
import { keepBuild } from "./kept-builds.ts";
import { buildFacts, tracedBuild } from "./traced-build.ts";

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
      keepBuild(logged, bench);
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

/** Loaded only where there was one. */
async function tellMiss(build: LoggedBuild, bench: Workbench): Promise<void> {
  const steps = build.images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  if (steps.every(({ outcome }) => outcome === "hit")) return;
  const { mostExpensiveMiss } = await import("./explain.ts");
  const miss = mostExpensiveMiss(build, bench.store);
  if (miss !== undefined) bench.emit({ type: "miss", ...miss });
}
