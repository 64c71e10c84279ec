import { usageError } from "../../errors.ts";
import { DEFAULT_PATH } from "../../image/inherit.ts";

/** The part of an image config that decides how a process starts (image-spec, config.md). Null is absent. */
export type RunConfig = {
  readonly User?: string | null | undefined;
  readonly Env?: readonly string[] | null | undefined;
  readonly Entrypoint?: readonly string[] | null | undefined;
  readonly Cmd?: readonly string[] | null | undefined;
  readonly WorkingDir?: string | null | undefined;
  readonly StopSignal?: string | null | undefined;
};

/** What the caller says over the image's config. */
export type RunOverrides = {
  /** Replace the cmd when not empty. */
  readonly args: readonly string[];
  /** Replaces the entrypoint and drops the image's cmd, as in Docker. */
  readonly entrypoint?: string;
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workdir?: string;
  readonly user?: string;
};

export type ProcessSettings = {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
};

/** Joins an image's config with the caller's wishes by Docker's rules. @throws CambiumError `RUN_COMMAND`, `RUN_WORKDIR`. */
export function processSettings(config: RunConfig, overrides: RunOverrides): ProcessSettings {
  const hasEntrypoint = overrides.entrypoint !== undefined;
  const entrypoint = overrides.entrypoint === undefined ? (config.Entrypoint ?? []) : [overrides.entrypoint];
  const cmd = overrides.args.length > 0 || hasEntrypoint ? overrides.args : (config.Cmd ?? []);
  const args = [...entrypoint, ...cmd];
  if (args.length === 0 || args[0] === "") {
    throw usageError(
      "RUN_COMMAND",
      "the image has no entrypoint and no cmd",
      "Say what to run: cambium run … -- COMMAND, or set cmd in the definition.",
    );
  }
  const cwd = overrides.workdir ?? (config.WorkingDir || "/");
  if (!cwd.startsWith("/")) {
    throw usageError(
      "RUN_WORKDIR",
      `not an absolute path: ${JSON.stringify(cwd)}`,
      "Write it from the root: /app.",
    );
  }
  return {
    args,
    env: mergedEnv(config.Env ?? [], overrides.env),
    cwd,
    user: overrides.user ?? config.User ?? "",
  };
}

function mergedEnv(lines: readonly string[], overrides: RunOverrides["env"]): string[] {
  const values = new Map([["PATH", DEFAULT_PATH]]);
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  for (const [name, value] of overrides) values.set(name, value);
  return [...values].map(([name, value]) => `${name}=${value}`);
}
