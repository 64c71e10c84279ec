import type { IgnoreRule } from "../../context/docker-ignore.ts";
import type { StageGraph } from "../../graph/stages.ts";
import type { Platform } from "../../platform.ts";
import { readContexts } from "./bases.ts";
import { type Warning, Warnings } from "./checks.ts";
import { assertPlainFrom } from "./lookups.ts";
import { parseDockerfile } from "./parse.ts";
import { platformArgs } from "./platform-args.ts";
import { type BuildOptions, buildStages } from "./stage-build.ts";
import { groupStages } from "./stage-list.ts";
import { checkDefaults, findStage, findTarget, globalArguments, planStages } from "./stage-plan.ts";
import { assertOwnSyntax } from "./syntax.ts";
import { checkWritten } from "./written.ts";

export type DockerfileOptions = BuildOptions & {
  /** A stage's name; undefined: the last. */
  readonly target?: string;
  /** `--no-cache=STAGE`: names or numbers. */
  readonly forgotten?: readonly string[];
  /** Of the machine that builds. */
  readonly buildPlatform: Platform;
  /** `--build-context NAME=VALUE`: `docker-image://…`, `oci-layout://…`, anything else has files alone. */
  readonly contexts: ReadonlyMap<string, string>;
  /** Of `<Dockerfile>.dockerignore`, else of `.dockerignore`: to warn of copies that they leave nothing of. */
  readonly ignoreRules?: readonly IgnoreRule[];
};

export type ReadDockerfile = {
  readonly graph: StageGraph;
  /** Names, or numbers, of stages that the target does not need. */
  readonly unneeded: readonly string[];
  readonly warnings: readonly Warning[];
};

/**
 * A Dockerfile (docker/dockerfile:1, as BuildKit 0.32 reads it) as stages with everything looked up: variables put in,
 * bases resolved, triggers of bases run, stages that the target does not need left out. `name` is the file's, for
 * messages.
 * @throws CambiumError `DOCKERFILE_SYNTAX`, `DOCKERFILE_INSTRUCTION`, `DOCKERFILE_FLAG`, `DOCKERFILE_STAGE`,
 * `DOCKERFILE_FRONTEND`, `DOCKERFILE_CHECK`, each beginning with `name:LINE:COLUMN` or the option; `REFERENCE_SYNTAX`,
 * `PLATFORM_UNSUPPORTED`, `CSV_SYNTAX`, and what `loadBase` throws.
 */
export async function readDockerfile(
  text: string,
  name: string,
  options: DockerfileOptions,
): Promise<ReadDockerfile> {
  const place = (line: number, column: number) => `${name}:${line}:${column}`;
  assertOwnSyntax(text, name, options.buildArgs.get("BUILDKIT_SYNTAX"));
  const parsed = parseDockerfile(text, place);
  const { escapeMark } = parsed;
  const written = groupStages(parsed.instructions);
  const warnings = new Warnings(parsed.directives, place);
  for (const { line } of parsed.emptyContinuations) {
    warnings.add("NoEmptyContinuation", "an empty line within an instruction", line);
  }
  checkWritten(written.stages, warnings);
  const lastName = written.stages.at(-1)?.from.name;
  const stageName = options.target || lastName || "default";
  const predefined = platformArgs(options.buildPlatform, options.platform, stageName, options.buildArgs);
  checkDefaults(written, predefined, escapeMark, warnings);
  const globalArgs = globalArguments(predefined, written.globalArgs, options.buildArgs, escapeMark);
  const contexts = readContexts(options.contexts);
  const plans = planStages({ stages: written.stages, globalArgs, escapeMark, contexts, warnings });
  for (const { instructions } of plans) assertPlainFrom(instructions, escapeMark);
  const target = findTarget(plans, options.target);
  const { ignoreRules = [] } = options;
  const forgotten = new Set((options.forgotten ?? []).map((stage) => findStage(plans, stage, "--no-cache")));
  const { graph, needed } = await buildStages(
    { ...options, plans, contexts, escapeMark, globalArgs, warnings, ignoreRules, forgotten },
    target,
  );
  const unneeded = plans.filter(({ index }) => !needed.includes(index)).map(({ name: of }) => of);
  return { graph, unneeded, warnings: warnings.all() };
}
