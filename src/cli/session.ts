import type { SessionSettings } from "../actions/settings.ts";
import { CambiumError } from "../errors.ts";
import { errorLines } from "../report/error-lines.ts";
import { createReporter, type ProgressMode, type Reporter, resolveProgressMode } from "../report/reporter.ts";
import { styleFor } from "../report/style.ts";
import { storeRootFrom } from "./environment.ts";
import { parseCount, parseSize } from "./values.ts";
import { version } from "./version.ts";
import type { World } from "./world.ts";

/** What a shell reports for a process that SIGINT ended: 128 + 2. */
const interruptedExitCode = 130;

export type SessionOptions = {
  readonly progress?: ProgressMode;
  readonly jobs?: string;
  readonly registryInsecure?: readonly string[];
};

/**
 * Runs `work` with settings whose events go to a reporter, and turns what it throws into the closing lines and an
 * exit code.
 */
export async function withSession(
  world: World,
  options: SessionOptions,
  work: (session: SessionSettings, reporter: Reporter) => Promise<number>,
): Promise<number> {
  const style = styleFor(world.env, world.stderr);
  const reporter = createReporter({
    mode: resolveProgressMode(options.progress ?? "auto", world.stderr, world.env),
    stream: world.stderr,
    style,
    version,
    now: world.now,
    openLiveRegion: async (stream) => (await import("../report/live-region.ts")).openLiveRegion(stream),
  });
  try {
    const concurrency =
      options.jobs === undefined ? {} : { concurrency: parseCount(options.jobs, "--jobs", 1) };
    const { CAMBIUM_STORE_MAX: maxStore } = world.env;
    const session: SessionSettings = {
      storeRoot: storeRootFrom(world.env, world.cwd, world.homeDir),
      env: world.env,
      signal: world.signal,
      emit: reporter.emit,
      ...(options.registryInsecure && { insecureRegistries: options.registryInsecure }),
      ...(maxStore !== undefined &&
        maxStore !== "" && { maxStoreBytes: parseSize(maxStore, "CAMBIUM_STORE_MAX") }),
      ...concurrency,
    };
    return await work(session, reporter);
  } catch (thrown) {
    if (world.signal.aborted) {
      reporter.fail(new CambiumError("INTERRUPTED", "interrupted; what was finished is kept in the store"));
      return interruptedExitCode;
    }
    reporter.fail(thrown);
    return exitCodeOf(thrown);
  }
}

/** 1 for anything that is not ours: an unexpected error is a failed build. */
export function exitCodeOf(thrown: unknown): number {
  return thrown instanceof CambiumError ? thrown.exitCode : 1;
}

export function printError(world: World, thrown: unknown): number {
  world.stderr.write(`${errorLines(thrown, styleFor(world.env, world.stderr)).join("\n")}\n`);
  return exitCodeOf(thrown);
}

/** Data: to standard output, as one document. */
export function printJson(world: World, document: unknown): void {
  world.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

export function printLines(world: World, lines: readonly string[]): void {
  if (lines.length > 0) world.stdout.write(`${lines.join("\n")}\n`);
}
